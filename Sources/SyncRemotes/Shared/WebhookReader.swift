import SyncCore

/// Reads the webhook calls of one remote: first the proof of where a call comes from, then what it says (``WebhookScheme``).
package struct WebhookReader: Sendable {
    /// Those that count at the moment; a call has to know one of them.
    package var secrets: [WebhookSecret]
    private let scheme: WebhookScheme
    private let own: OwnValues
    private let proof: WebhookScheme.Proof

    /// - Parameter own: what the configuration says with the kind's own keys.
    package init(_ scheme: WebhookScheme, own: OwnValues = [:], secret: WebhookSecret) {
        self.scheme = scheme
        self.own = own
        proof = scheme.proof(own)
        secrets = [secret]
    }

    /// The header with the proof. Nil where the proof is in the body.
    package var proofHeader: String? {
        switch proof {
        case .signature(let header), .secret(let header): header
        case .enclosed: nil
        }
    }

    /// What can be said before the body is there: a call without a proof that could be right is not worth reading.
    /// - Parameter value: of ``proofHeader``.
    package func rejection(of value: String?) -> WebhookRejection? {
        switch proof {
        case .enclosed: nil
        case _ where value?.isEmpty != false: .unsigned
        case .signature: value.flatMap(WebhookSecret.code) == nil ? .wrongSignature : nil
        case .secret: isKnown { $0.matches(value ?? "") } ? nil : .wrongSignature
        }
    }

    /// Every secret is tried, also after the right one.
    private func isKnown(_ isRight: (WebhookSecret) -> Bool) -> Bool { secrets.map(isRight).contains(true) }

    /// - Parameters:
    ///   - bytes: of the body as they came: signatures are of them, not of what they mean.
    ///   - value: of ``proofHeader``.
    package func read(_ bytes: [UInt8], proof value: String?) throws(WebhookRejection) -> WebhookReading {
        let body = try proven(bytes, value)
        do {
            return try scheme.read(body, own)
        } catch {
            throw .unreadable(error)
        }
    }

    private func proven(_ bytes: [UInt8], _ value: String?) throws(WebhookRejection) -> WebhookBody {
        if case .enclosed(let takeOut) = proof {
            // This text is read before anybody has vouched for it: its size and depth are bounded.
            guard let (secret, rest) = takeOut(try json(bytes)) else { throw .unsigned }
            guard isKnown({ $0.matches(secret) }) else { throw .wrongSignature }
            return WebhookBody(bytes, json: rest)
        }
        guard let value, !value.isEmpty else { throw .unsigned }
        let isRight =
            if case .signature = proof { isKnown { $0.signs(bytes, as: value) } } else { isKnown { $0.matches(value) } }
        guard isRight else { throw .wrongSignature }
        return WebhookBody(bytes)
    }

    private func json(_ bytes: [UInt8]) throws(WebhookRejection) -> JSONValue {
        do {
            return try WebhookBody(bytes).value()
        } catch {
            throw .unreadable(error)
        }
    }
}
