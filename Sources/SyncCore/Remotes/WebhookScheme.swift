/// How a kind of remote calls here: where the proof is that it is the remote, and what a call says.
package struct WebhookScheme: Sendable {
    package enum Proof: Sendable {
        /// In a header: the HMAC-SHA256 of the raw body under the secret.
        case signature(header: String)
        /// In a header: the secret itself.
        case secret(header: String)
        /// In the body: the secret itself. Gives it, and the body without it; nil where there is none.
        case enclosed(@Sendable (JSONValue) -> (secret: String, rest: JSONValue)?)
    }

    /// The kind's own keys below `[remotes.NAME.webhook]` may say which header it is.
    package let proof: @Sendable (OwnValues) -> Proof
    /// Reads a call whose proof is right.
    package let read: @Sendable (WebhookBody, OwnValues) throws(Unreadable) -> WebhookReading
    /// What a call tells, for the configuration that `convosync init` writes.
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
    /// As they came: signatures are of the bytes, not of what they mean.
    package let bytes: [UInt8]
    private let json: JSONValue?

    /// - Parameter json: what is left of the body where a part of it was taken out; nil: it is read from the bytes.
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

/// What a webhook call turned out to say.
package enum WebhookReading: Equatable, Sendable {
    case notices([Notice])
    /// A message that cannot be used, beside what can.
    case partial([Notice], conversationID: String, unusable: Unreadable)
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
    case unreadable(Unreadable)
}
