import SandboxModel
import SyncCore
import SyncEngine
import SyncRemotes

/// One call of the engine on its way to a simulated remote and back: built and read as the service does it.
struct SimulatedCall {
    static let token = "sandbox-token"

    let id: Engine.CallID
    let remote: Remote
    let purpose: Engine.CallPurpose
    let startedAt: Duration
    /// The number of the process that made it.
    let process: Int
    /// The response of the remote, once the call has arrived.
    var exchange: SandboxModel.Exchange?
    /// It has ended, and its process does not know that yet; or its lease ends before it arrives.
    var isOver = false
    /// What comes back does not say that it was applied, whatever the status.
    var isGarbled = false
    /// The result that the client gets when the call ends.
    var result: Result<HTTPReply, TransportFailure>?

    /// The conversation that it changes; nil for a read.
    var conversation: String? {
        if case .deliver(let row) = purpose { row.conversationID } else { nil }
    }

    var isWrite: Bool { conversation != nil }

    /// How many fields of the object it sets.
    var fieldCount: Int { if case .deliver(let row) = purpose { row.delta?.fields.count ?? 1 } else { 0 } }

    var hasTags: Bool { if case .deliver(let row) = purpose { row.delta?.fields["tags"] != nil } else { false } }

    /// The remote says that it does not take this call.
    var isRefused: Bool {
        guard case .success(let reply)? = result else { return false }
        return (400...499).contains(reply.status) || isGarbled && reply.status == 200
    }

    var isList: Bool {
        guard case .read(let call) = purpose else { return false }
        return remote.kind.operations.contains { $0.role == .list && $0.name == call.operation }
    }

    /// The remote's id of the object that it reads; nil for a list, and for a call that changes something.
    var readID: String? {
        guard case .read(let call) = purpose, !isList else { return nil }
        return call.body["conversation_id"]?.stringValue ?? RequestTarget(call.path).segments.last
    }

    var request: SimulatedRequest {
        var headers = [("Authorization", "Bearer \(SimulatedCall.token)"), ("Accept", "application/json")] + remote.adapter.headers
        let (method, path, body): (String, String, String)
        switch purpose {
        case .deliver(let row):
            headers += [("Content-Type", "application/json"), ("Idempotency-Key", row.idempotencyKey)]
            (method, path, body) = (row.method, row.path, row.body)
        case .read(let call):
            if call.body != .null { headers.append(("Content-Type", "application/json")) }
            (method, path, body) = (call.method, call.path, call.body == .null ? "" : call.body.text)
        }
        return SimulatedRequest(
            method, RequestTarget("/\(SimulatedKind.pathSegment(of: remote.name))\(path)"), authority: "sandbox.example.com",
            headers: headers.map { HTTPHeader($0.0, $0.1) }, body: Array(body.utf8))
    }

    var text: String {
        switch purpose {
        case .deliver(let row):
            "\(remote.name) row \(row.id) \(row.method) \(row.path) \(row.idempotencyKey) lease \(row.lease & 0xFFFF_FFFF) \(row.body)"
        case .read(let call): "\(remote.name) \(call.method) \(call.path) \(call.body.text)"
        }
    }

    // MARK: The response

    /// Sets what comes back over the connection. Returns after how long, counted from the arrival.
    mutating func arrived(_ exchange: SandboxModel.Exchange) -> Duration {
        self.exchange = exchange
        var waited = Duration.zero
        var (begun, received): (ResponseHead?, [UInt8]) = (nil, [])
        for step in exchange.steps {
            switch step {
            case .wait(let milliseconds):
                waited += .milliseconds(milliseconds)
                if waited >= remote.limits.firstByteTimeout {
                    result = .failure(TransportFailure(.timeout, detail: "no response"))
                    return remote.limits.firstByteTimeout
                }
            case .respond(let head, let body): result = .success(SimulatedCall.reply(head, body))
            case .close: result = .failure(TransportFailure(.connectionClosed, detail: "closed without a response"))
            case .begin(let head): begun = head
            case .send(let bytes): received += bytes
            case .pad(let count): received += [UInt8](repeating: UInt8(ascii: "x"), count: count)
            case .end: if let begun { result = .success(SimulatedCall.reply(begun, received)) }
            }
        }
        return waited
    }

    /// Numbers of all sizes, in a member that no document names.
    private static let numbers = Array(
        #""numbers":[1e999,-1e999,1e-999,-0,0.1000000000000000055,123456789012345678901234567890,-9223372036854775809,1E+2],"#.utf8)

    /// Adds such a member to some responses.
    mutating func addNumbers() {
        guard id.number % 3 == 0, case .success(var reply)? = result, reply.body.first == UInt8(ascii: "{"), reply.body.count > 2 else {
            return
        }
        reply.body.insert(contentsOf: SimulatedCall.numbers, at: 1)
        result = .success(reply)
    }

    private static func reply(_ head: ResponseHead, _ body: [UInt8]) -> HTTPReply {
        HTTPReply(status: head.status, headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { $1 }, body: body)
    }

    /// The end of the call as the engine gets it. Its timestamps are those of the wall clock.
    func end(now: Instant) -> Engine.CallEnd {
        let result = result ?? .failure(TransportFailure(.cancelled, detail: "the client stopped waiting"))
        let reader = ReplyReader(adapter: remote.adapter, classifier: remote.classifier)
        switch (purpose, result) {
        case (.deliver(let row), .success(let reply)):
            let outcome = reader.read(
                reply, delta: row.delta, about: row.targetID, of: row.agent,
                redaction: Redaction(credential: SimulatedCall.token, body: .array(row.known.values)), now: now)
            return .delivered(outcome, hadPresentCredential: true)
        case (.deliver, .failure(let failure)):
            return .delivered(remote.classifier.classify(failure), hadPresentCredential: true)
        case (.read, .success(let reply)):
            let (outcome, body) = reader.readState(reply, now: now)
            return .read(outcome, body: body)
        case (.read, .failure(let failure)):
            return .read(remote.classifier.classify(failure), body: nil)
        }
    }
}
