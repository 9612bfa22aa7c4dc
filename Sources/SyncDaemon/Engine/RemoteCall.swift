import SyncCore
import SyncEngine
import SyncHTTP
import SyncRemotes

/// One call of the engine as HTTP: its request, and the meaning of its result. Has no state.
struct RemoteCall {
    let remote: Remote
    let credential: Credential
    let purpose: Engine.CallPurpose

    /// The name and version sent as `User-Agent`.
    static let userAgent = "convosync/\(ProgramVersion.current)"

    var request: HTTPCall {
        switch purpose {
        case .deliver(let claimed):
            HTTPCall(
                method: claimed.method, url: remote.url + claimed.path,
                headers: standardHeaders + [("Content-Type", "application/json"), ("Idempotency-Key", claimed.idempotencyKey)],
                body: claimed.body)
        case .read(let call):
            HTTPCall(
                method: call.method, url: remote.url + call.path,
                headers: standardHeaders + (call.body == .null ? [] : [("Content-Type", "application/json")]),
                body: call.body == .null ? "" : call.body.text)
        }
    }

    private var standardHeaders: [(name: String, value: String)] {
        [("Authorization", "Bearer \(credential.token)"), ("Accept", "application/json"), ("User-Agent", RemoteCall.userAgent)]
            + remote.adapter.headers
    }

    /// - Parameters:
    ///   - hadPresentCredential: whether the token that the call carried is still in force.
    ///   - now: when the call ended, by the wall clock.
    func end(_ result: Result<HTTPReply, TransportFailure>, hadPresentCredential: Bool, now: Instant) -> Engine.CallEnd {
        switch purpose {
        case .deliver(let claimed):
            return .delivered(deliver(claimed, result, now: now), hadPresentCredential: hadPresentCredential)
        case .read:
            let (outcome, body) = read(result, now: now)
            return .read(outcome, body: body)
        }
    }

    private func deliver(_ claimed: ClaimedRow, _ result: Result<HTTPReply, TransportFailure>, now: Instant) -> DeliveryOutcome {
        switch result {
        case .success(let reply):
            var outcome = reader.read(
                reply, delta: claimed.delta, about: claimed.targetID, of: claimed.agent, redaction: redaction(claimed), now: now)
            // Whatever the response to the repetition says, it says nothing about the first attempt.
            if reply.mayHaveBeenAppliedBefore, outcome.outcome != .delivered {
                outcome.fate = .unknown
                outcome.error = outcome.error.map { "\($0); \(RemoteCall.repeated)" } ?? RemoteCall.repeated
            }
            return outcome
        case .failure(let failure): return remote.classifier.classify(failure)
        }
    }

    private static let repeated = "the call was repeated on a new connection, and may have arrived on the first one"

    /// The outcome of a call that only reads.
    func read(_ result: Result<HTTPReply, TransportFailure>, now: Instant) -> (outcome: DeliveryOutcome, body: JSONValue?) {
        switch result {
        case .success(let reply): reader.readState(reply, now: now)
        case .failure(let failure): (remote.classifier.classify(failure), nil)
        }
    }

    private var reader: ReplyReader { ReplyReader(adapter: remote.adapter, classifier: remote.classifier) }

    private func redaction(_ claimed: ClaimedRow) -> Redaction {
        // A body that is not JSON was not planned by this program. Nothing is lost: values known of the conversation are redacted in any case.
        let body = (try? JSONValue(stored: claimed.body)) ?? .null
        // The remote may also quote values of earlier calls.
        return Redaction(credential: credential.token, body: .array([body] + claimed.known.values))
    }
}
