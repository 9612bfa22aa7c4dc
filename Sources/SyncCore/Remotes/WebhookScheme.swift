/// How a kind of remote sends webhook calls: how they are authenticated, and how they are read.
package struct WebhookScheme: Sendable {
    package enum Proof: Sendable {
        /// In a header: the HMAC-SHA256 of the raw body under the secret.
        case signature(header: String)
        /// In a header: the secret itself.
        case secret(header: String)
        /// In the body: the secret itself. Returns it, and the body without it; nil if there is none.
        case enclosed(@Sendable (JSONValue) -> (secret: String, rest: JSONValue)?)
    }

    /// The header can depend on the kind's own keys below `[remotes.NAME.webhook]`.
    package let proof: @Sendable (OwnValues) -> Proof
    /// Reads an authenticated call.
    package let read: @Sendable (WebhookBody, OwnValues) throws(Unreadable) -> WebhookReading
    /// What a call reports, for the configuration that `convosync init` writes.
    package let meaning: String

    package init(
        meaning: String, proof: @escaping @Sendable (OwnValues) -> Proof,
        read: @escaping @Sendable (WebhookBody, OwnValues) throws(Unreadable) -> WebhookReading
    ) {
        self.meaning = meaning
        self.proof = proof
        self.read = read
    }
}

/// The body of a webhook call.
package struct WebhookBody: Sendable {
    /// As received: signatures cover the bytes, not the parsed content.
    package let bytes: [UInt8]
    private let json: JSONValue?

    /// - Parameter json: the rest of the body if a part of it was removed; nil: it is parsed from the bytes.
    package init(_ bytes: [UInt8], json: JSONValue? = nil) {
        self.bytes = bytes
        self.json = json
    }

    package func value() throws(Unreadable) -> JSONValue {
        if let json { return json }
        do {
            return try JSONValue(bytes: bytes)
        } catch {
            throw Unreadable("the body is not JSON")
        }
    }
}

/// The result of reading a webhook call.
package enum WebhookReading: Equatable, Sendable {
    case notices([Notice])
    /// A message that cannot be used, together with the events that can.
    case partial([Notice], conversationID: String, unusable: Unreadable)
    /// An event that is not used. It is acknowledged like any other, so that its sender does not repeat it.
    case ignored(event: String)
}

/// Why a webhook call is rejected. Contains nothing of the call itself.
package enum WebhookRejection: Error, Equatable, Sendable {
    /// It has no signature or secret.
    case unsigned
    /// Its signature or secret is wrong.
    case wrongSignature
    /// It is not such an event: the reason names what is missing or of the wrong type.
    case unreadable(Unreadable)
}
