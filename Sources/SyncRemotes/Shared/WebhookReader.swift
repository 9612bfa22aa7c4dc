import SyncCore

/// Reads the webhook calls of one remote: first authenticates the sender, then reads the content (``WebhookScheme``).
package struct WebhookReader: Sendable {
    /// The secrets that are valid now; a call has to match one of them.
    package var secrets: [WebhookSecret]
    private let scheme: WebhookScheme
    private let own: OwnValues
    private let proof: WebhookScheme.Proof

    /// - Parameter own: the configured values of the kind's own keys.
    package init(_ scheme: WebhookScheme, own: OwnValues = [:], secret: WebhookSecret) {
        self.scheme = scheme
        self.own = own
        proof = scheme.proof(own)
        secrets = [secret]
    }

    /// The header with the signature or secret. Nil if the body contains it.
    package var proofHeader: String? {
        switch proof {
        case .signature(let header), .secret(let header): header
        case .enclosed: nil
        }
    }

    /// Checks that are possible before the body has arrived: a call whose signature or secret cannot be right need not be read.
    /// - Parameter value: the value of ``proofHeader``.
    package func rejection(of value: String?) -> WebhookRejection? {
        switch proof {
        case .enclosed: nil
        case _ where value?.isEmpty != false: .unsigned
        case .signature: value.flatMap(WebhookSecret.code) == nil ? .wrongSignature : nil
        case .secret: isKnown { $0.matches(value ?? "") } ? nil : .wrongSignature
        }
    }

    /// Every secret is tested, even after a match, so that the time does not depend on which one matches.
    private func isKnown(_ isRight: (WebhookSecret) -> Bool) -> Bool { secrets.map(isRight).contains(true) }

    /// - Parameters:
    ///   - bytes: of the body as received: signatures cover the bytes, not the parsed content.
    ///   - value: the value of ``proofHeader``.
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
            // This text is parsed before it is authenticated: its size and depth are limited.
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
