import SyncCore

/// What a webhook call turned out to say.
package enum WebhookReading: Equatable, Sendable {
    case notices([Notice])
    /// A message that cannot be used, beside what can.
    case partial([Notice], conversationID: String, unusable: Refusal)
    /// An event that means nothing here. It is acknowledged like any other: its sender must not send it again.
    case ignored(event: String)
}

/// Why a webhook call is not taken. Says nothing of what the call carried.
package enum WebhookRejection: Error, Equatable, Sendable {
    /// It carries no proof of where it comes from.
    case unsigned
    /// Its proof is wrong.
    case wrongSignature
    /// It is not such an event: what is missing, or of the wrong type.
    case unreadable(Refusal)
}

/// Reads the webhook calls of one remote: first the proof of where a call comes from, then what it says.
///
/// | kind | proof | what a call says |
/// |---|---|---|
/// | `fin` | `X-Fin-Agent-API-Webhook-Signature`, HMAC-SHA256 of the raw body (docs/remotes.md, "Webhook of fin") | the event itself |
/// | `vg` | `payload.workspaceSecret`, the secret itself | that an object changed: calls are lost and overtake each other |
/// | `voicebot` | a header of the operator's choice, HMAC-SHA256 of the raw body (not documented by the vendor) | that something changed |
/// | `helpdesk` | `X-Webhook-Key`, the secret itself | that an object changed |
package struct WebhookReader: Sendable {
    package static let standardSignatureHeader = "X-Signature"

    package let kind: RemoteKind
    /// The header with the proof. Nil for vg, whose proof is in the body.
    package let proofHeader: String?
    /// Those that count at the moment; a call has to know one of them.
    package var secrets: [WebhookSecret]
    private let idPath: [String]

    /// - Parameters:
    ///   - signatureHeader: voicebot only; ``standardSignatureHeader`` where nil.
    ///   - idPath: voicebot only; the members that lead to the conversation's id in the body, joined with dots.
    package init(kind: RemoteKind, secret: WebhookSecret, signatureHeader: String? = nil, idPath: String? = nil) {
        self.kind = kind
        secrets = [secret]
        self.idPath = idPath.map { $0.split(separator: ".").map(String.init) } ?? []
        proofHeader =
            switch kind {
            case .fin: "X-Fin-Agent-API-Webhook-Signature"
            case .vg: nil
            case .voicebot: signatureHeader ?? WebhookReader.standardSignatureHeader
            case .helpdesk: "X-Webhook-Key"
            }
    }

    /// What can be said before the body is there: a call without a proof that could be right is not worth reading.
    /// - Parameter proof: the value of ``proofHeader``.
    package func rejection(of proof: String?) -> WebhookRejection? {
        guard proofHeader != nil else { return nil }
        guard let proof, !proof.isEmpty else { return .unsigned }
        return switch kind {
        case .helpdesk: isKnown { $0.matches(proof) } ? nil : .wrongSignature
        case .fin, .voicebot: WebhookSecret.code(in: proof) == nil ? .wrongSignature : nil
        case .vg: nil
        }
    }

    /// Every secret is tried, also after the right one.
    private func isKnown(_ isRight: (WebhookSecret) -> Bool) -> Bool { secrets.map(isRight).contains(true) }

    /// - Parameters:
    ///   - body: the bytes as they came: signatures are of them, not of what they mean.
    ///   - proof: the value of ``proofHeader``.
    package func read(_ body: [UInt8], proof: String?) throws(WebhookRejection) -> WebhookReading {
        switch kind {
        case .fin:
            try check(proof) { proof in isKnown { $0.signs(body, as: proof) } }
            let event = try json(body)
            return try readable { () throws(Refusal) in try FinEvent.read(event) }
        case .vg:
            // The proof is inside, so this text is read before anybody has vouched for it: its size and depth are bounded.
            let event = try VGEvent.authenticated(try json(body)) { given in isKnown { $0.matches(given) } }
            return try readable { () throws(Refusal) in try VGEvent.read(event) }
        case .voicebot:
            try check(proof) { proof in isKnown { $0.signs(body, as: proof) } }
            return .notices([hint(in: body)])
        case .helpdesk:
            try check(proof) { proof in isKnown { $0.matches(proof) } }
            let event = try json(body)
            return try readable { () throws(Refusal) in try WebhookReader.helpdeskEvent(event) }
        }
    }

    private func check(_ proof: String?, _ isRight: (String) -> Bool) throws(WebhookRejection) {
        guard let proof, !proof.isEmpty else { throw .unsigned }
        guard isRight(proof) else { throw .wrongSignature }
    }

    private func json(_ body: [UInt8]) throws(WebhookRejection) -> JSONValue {
        do {
            return try JSONValue(bytes: body)
        } catch {
            throw .unreadable(Refusal("the body is not JSON"))
        }
    }

    private func readable(_ read: () throws(Refusal) -> WebhookReading) throws(WebhookRejection) -> WebhookReading {
        do {
            return try read()
        } catch {
            throw .unreadable(error)
        }
    }

    /// The vendor documents neither events nor payload: whatever comes means "look now". With an id it means "look there".
    private func hint(in body: [UInt8]) -> Notice {
        guard !idPath.isEmpty, var value = try? JSONValue(bytes: body) else { return .somethingChanged }
        for member in idPath {
            guard let next = value[member] else { return .somethingChanged }
            value = next
        }
        guard let id = EventMembers.identifier(value) else { return .somethingChanged }
        return .changed(remoteID: id, agentID: nil)
    }

    /// `{"conversation_id": …}`: what a helpdesk sends to Intercom when something changed there. With the event type `agent_typing`
    /// nothing did (docs/remotes.md, "Webhook of helpdesk").
    private static func helpdeskEvent(_ body: JSONValue) throws(Refusal) -> WebhookReading {
        let id = try EventMembers.identifier("conversation_id", of: body)
        if let type = body["event_type"]?.stringValue, type == "agent_typing" { return .ignored(event: type) }
        return .notices([.changed(remoteID: id, agentID: nil)])
    }
}
