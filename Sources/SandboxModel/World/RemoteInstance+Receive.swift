import NIOCore

/// A request's judgement: what is carried out, and what is recorded.
struct Judgement: Sendable {
    let exchange: Exchange
    let isAuthorized: Bool
    let outcome: RequestOutcome
    let status: Int?
    let detail: String
    let othersInFlight: Int
    let othersInFlightSameConversation: Int

    func makeRecord(_ call: RemoteCall, keptBody: ByteBuffer?) -> RequestRecord {
        let isJSON = if case .success = call.body { true } else { false }
        return RequestRecord(
            sequence: exchange.sequence,
            arrivedAt: call.arrivedAt,
            instance: exchange.instance,
            kind: exchange.kind,
            method: call.method,
            path: call.path,
            query: call.queryText,
            isAuthorized: isAuthorized,
            contentType: call.contentType,
            idempotencyKey: call.idempotencyKey,
            intercomVersion: call.intercomVersion,
            agent: exchange.conversation?.agent,
            conversation: exchange.conversation?.conversation,
            body: keptBody,
            bodySize: call.bodyBytes.readableBytes,
            isBodyJSON: isJSON,
            othersInFlight: othersInFlight,
            othersInFlightSameConversation: othersInFlightSameConversation,
            outcome: outcome,
            fault: exchange.fault?.kind,
            status: status,
            detail: detail
        )
    }
}

extension RemoteInstance {
    /// Counts a request, lets a fault hit it, and applies it unless the fault keeps it away.
    mutating func receive(_ call: RemoteCall, sequence: Int) -> Judgement {
        let key = conversation(of: call)
        let inFlight = tally.arrive(key)
        let fault = faults.isEmpty ? nil : faults.next(method: call.method, path: call.path, conversation: key)
        let refusesUserAttributes = fault?.kind == .errorInside
        let context = context(now: call.arrivedAt, sequence: sequence, refusesUserAttributes: refusesUserAttributes)
        var answer: RemoteAnswer
        if let fault, !fault.kind.reachesSystem(of: kind) {
            answer = preventedAnswer(fault, call: call, context: context)
        } else {
            answer = self.answer(call, othersInFlight: inFlight.others, context: context)
            if let fault { distort(&answer, by: fault, key: key) }
        }
        let status: Int? = if let fault, !fault.kind.sendsStatus { nil } else { answer.status }
        tally.decide(outcome: answer.outcome, fault: fault?.kind, status: status)
        let exchange = Exchange(
            sequence: sequence,
            instance: name,
            conversation: key,
            fault: fault,
            answer: status == nil ? nil : answer,
            webhook: answer.events.isEmpty ? nil : webhook,
            kind: kind
        )
        return Judgement(
            exchange: exchange,
            isAuthorized: isAuthorized(call),
            outcome: answer.outcome,
            status: status,
            detail: answer.detail,
            othersInFlight: inFlight.others,
            othersInFlightSameConversation: inFlight.sameConversation
        )
    }

    /// The answer of a fault that keeps the request away from the system.
    private func preventedAnswer(_ fault: FaultRule, call: RemoteCall, context: RemoteContext) -> RemoteAnswer {
        switch fault.kind {
        case .redirect:
            let headers = [(name: "Location", value: fault.location)]
            return RemoteAnswer(status: 307, headers: headers, body: [:], outcome: .prevented)
        case .errorInside:
            let message = "the request was refused"
            let body: SandboxJSON =
                switch kind {
                case .helpdesk: ["error": RemoteKind.problem(status: 422, detail: message, path: call.path)]
                case .vg: ["success": false, "message": .string(message)]
                case .voicebot, .fin: ["message": .string(message)]
                }
            return RemoteAnswer(body: body, outcome: .prevented)
        default:
            let message = "the sandbox was told to answer \(fault.status)"
            let body = fault.body ?? kind.errorBody(status: fault.status, message: message, path: call.path, context: context)
            return RemoteAnswer(status: fault.status, headers: fault.statusHeaders(now: context.now), body: body, outcome: .prevented)
        }
    }

    /// What a fault changes about the answer of a system that took the request over.
    private mutating func distort(_ answer: inout RemoteAnswer, by fault: FaultRule, key: ConversationKey?) {
        switch fault.kind {
        case .wrongType:
            answer.status = 200
            answer.body = kind.wrongShape
        case .drift:
            guard let value = fault.value, answer.status == 200 else { return }
            type(of: system).replaceWord(in: &answer.body, with: value)
            if fault.isStored, let key, answer.outcome == .applied { system.overrideWord(of: key, with: value) }
        case .garbage, .hugeBody:
            answer.status = 200
        default:
            break
        }
    }
}

extension FaultRule.Kind {
    /// Whether the client gets to see a status line.
    var sendsStatus: Bool {
        switch self {
        case .dropBefore, .dropAfter, .hangBefore, .hangAfter: false
        default: true
        }
    }
}

extension FaultRule {
    /// The headers of a fault `status`: as given, and those that depend on the time.
    func statusHeaders(now: SandboxInstant) -> [(name: String, value: String)] {
        var result = headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        if let seconds = retryAfterSeconds { result.append(("Retry-After", String(seconds))) }
        if let seconds = retryAfterDateSeconds { result.append(("Retry-After", now.advanced(bySeconds: seconds).httpDate)) }
        if let seconds = rateLimitResetSeconds {
            result.append(("X-RateLimit-Remaining", "0"))
            result.append(("X-RateLimit-Reset", String(now.seconds + seconds)))
        }
        return result
    }
}

extension RemoteKind {
    /// JSON that has the document's names with other types.
    fileprivate var wrongShape: SandboxJSON {
        switch self {
        case .helpdesk: ["data": ["id": 17, "status": ["open"], "user": "nobody"]]
        case .fin: ["conversation_id": 17, "status": ["thinking"], "errors": "none"]
        case .voicebot: ["id": "seventeen", "status": 3, "user": []]
        case .vg: ["success": "yes", "message": 17, "data": ["state"]]
        }
    }
}
