import Crypto
import SyncCore

/// The events of the Fin Agent API (docs/remotes/fin.md, "Webhook").
///
/// They may arrive more than once and out of order: every event has a key that a repetition shares, and the remote's own timestamp.
enum FinEvent {
    static let scheme = WebhookScheme(
        meaning:
            "Fin calls with its replies and statuses, signed with the secret that Intercom shows beside the callback URL; it cannot be read.",
        proof: { _ in .signature(header: "X-Fin-Agent-API-Webhook-Signature") }, read: read)

    @Sendable private static func read(_ body: WebhookBody, _ own: OwnValues) throws(Unreadable) -> WebhookReading {
        let body = try body.value()
        let name = try EventMembers.word("event_name", of: body)
        switch name {
        case "fin_status_updated": return .notices([try status(of: body)])
        case "fin_replied": return try reply(in: body)
        default: return .ignored(event: EventMembers.shown(name))
        }
    }

    private static func status(of body: JSONValue) throws(Unreadable) -> Notice {
        .finStatus(
            conversationID: try EventMembers.identifier("conversation_id", of: body), word: try EventMembers.status("status", of: body),
            at: try EventMembers.timestamp("created_at_ms", of: body))
    }

    /// The message, then the status that Fin has after it. A message that cannot be used does not prevent the status from being used.
    private static func reply(in body: JSONValue) throws(Unreadable) -> WebhookReading {
        let conversationID = try EventMembers.identifier("conversation_id", of: body)
        var notices: [Notice] = []
        var problem: Unreadable?
        do throws(Unreadable) {
            if let message = try message(in: body, of: conversationID) { notices.append(message) }
        } catch {
            problem = error
        }
        if EventMembers.has("status", in: body) {
            let word = try EventMembers.status("status", of: body)
            notices.append(.finStatus(conversationID: conversationID, word: word, at: try timestampOfStatus(in: body)))
        }
        guard let problem else { return .notices(notices) }
        return .partial(notices, conversationID: conversationID, unusable: problem)
    }

    /// Nil for messages of users and agents: the schema allows them as authors, and their messages are already in the database.
    private static func message(in body: JSONValue, of conversationID: String) throws(Unreadable) -> Notice? {
        let message = try EventMembers.present("message", of: body)
        guard message.objectValue != nil else { throw Unreadable("\"message\" is not an object") }
        guard !EventMembers.has("author", in: message) || message["author"] == "fin" else { return nil }
        guard let text = try EventMembers.present("body", of: message).stringValue else {
            throw Unreadable("\"body\" of the message is not a string")
        }
        let at = try timestamp(of: message, in: body)
        // The id is optional: one that cannot be used is none.
        let id = message["id"].flatMap { EventMembers.identifier($0) }
        return .finMessage(conversationID: conversationID, id: id, body: text, at: at)
    }

    /// The first of three that can be read: those of the message are optional.
    private static func timestamp(of message: JSONValue, in body: JSONValue) throws(Unreadable) -> Instant {
        if let instant = ownTimestamp(of: message) { return instant }
        return try EventMembers.timestamp("created_at_ms", of: body)
    }

    /// That of the event. If it cannot be read, that of the message, which came with the status and must not be lost because of it.
    private static func timestampOfStatus(in body: JSONValue) throws(Unreadable) -> Instant {
        do throws(Unreadable) {
            return try EventMembers.timestamp("created_at_ms", of: body)
        } catch {
            guard let instant = body["message"].flatMap({ ownTimestamp(of: $0) }) else { throw error }
            return instant
        }
    }

    private static func ownTimestamp(of message: JSONValue) -> Instant? {
        ["timestamp_ms", "timestamp"].lazy.compactMap { name in message[name].flatMap { EventMembers.timestamp($0) } }.first
    }
}

extension Notice {
    /// A status of Fin. Events have no id: conversation, status value and time form the key (docs/remotes/fin.md, "Webhook").
    package static func finStatus(conversationID: String, word: String, at: Instant) -> Notice {
        .status(conversationID: conversationID, word: word, at: at, key: "status:\(at.milliseconds):\(word):\(conversationID)")
    }

    /// A message of Fin. Its id is unique within its conversation. The id is optional in the schema: without a usable one, the time and a
    /// hash of conversation and body replace it, which are the same however the message arrives (docs/remotes/fin.md, "Webhook").
    ///
    /// The key is made of conversation, id and text: the same id with another text is not a repetition.
    package static func finMessage(conversationID: String, id: String?, body: String, at: Instant) -> Notice {
        let id = id ?? "fin-\(at.milliseconds)-\(digest("\(conversationID)\n\(body)"))"
        // Ids contain no control characters, so a line break separates the parts.
        return .message(
            conversationID: conversationID, id: id, body: body, at: at, key: "message:\(id):\(digest("\(conversationID)\n\(id)\n\(body)"))")
    }

    private static func digest(_ text: String) -> String {
        Hexadecimal.text(SHA256.hash(data: Array(text.utf8)).prefix(16))
    }
}
