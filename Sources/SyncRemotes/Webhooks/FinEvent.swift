import Crypto
import SyncCore

/// The events of the Fin Agent API (docs/remotes.md, "Webhook of fin").
///
/// They come more than once and not in order: every notice has a key that a repetition shares, and the remote's own time.
enum FinEvent {
    static func read(_ body: JSONValue) throws(Refusal) -> WebhookReading {
        let name = try EventMembers.word("event_name", of: body)
        switch name {
        case "fin_status_updated": return .notices([try status(of: body)])
        case "fin_replied": return .notices(try reply(in: body))
        default: return .ignored(event: name)
        }
    }

    private static func status(of body: JSONValue) throws(Refusal) -> Notice {
        .finStatus(
            conversationID: try EventMembers.identifier("conversation_id", of: body), word: try EventMembers.word("status", of: body),
            at: try EventMembers.moment("created_at_ms", of: body))
    }

    /// The message, then the status that Fin has after it.
    private static func reply(in body: JSONValue) throws(Refusal) -> [Notice] {
        let conversationID = try EventMembers.identifier("conversation_id", of: body)
        let message = try EventMembers.present("message", of: body)
        guard message.objectValue != nil else { throw Refusal("\"message\" is no object") }
        var notices: [Notice] = []
        // The schema lets users and agents be authors, too; what they wrote is known here already.
        if !EventMembers.has("author", in: message) || message["author"] == "fin" {
            guard let text = try EventMembers.present("body", of: message).stringValue else {
                throw Refusal("\"body\" of the message is no string")
            }
            let at = try moment(of: message, in: body)
            let id = EventMembers.has("id", in: message) ? try EventMembers.identifier("id", of: message) : nil
            notices.append(.finMessage(conversationID: conversationID, id: id, body: text, at: at))
        }
        if EventMembers.has("status", in: body) { notices.append(try status(of: body)) }
        return notices
    }

    private static func moment(of message: JSONValue, in body: JSONValue) throws(Refusal) -> Instant {
        for name in ["timestamp_ms", "timestamp"] where EventMembers.has(name, in: message) {
            return try EventMembers.moment(name, of: message)
        }
        return try EventMembers.moment("created_at_ms", of: body)
    }
}

extension Notice {
    /// A status of Fin. Events have no id: conversation, word and time make the key (docs/remotes.md, "Webhook of fin").
    package static func finStatus(conversationID: String, word: String, at: Instant) -> Notice {
        .status(conversationID: conversationID, word: word, at: at, key: "status:\(at.milliseconds):\(word):\(conversationID)")
    }

    /// A message of Fin. Its id is optional in the schema; without one, time and a hash of conversation and body stand for it, which
    /// are the same whichever way the message comes (docs/remotes.md, "Webhook of fin").
    package static func finMessage(conversationID: String, id: String?, body: String, at: Instant) -> Notice {
        let digest = SHA256.hash(data: Array("\(conversationID)\n\(body)".utf8))
        let id = id ?? "fin-\(at.milliseconds)-\(Hexadecimal.text(digest.prefix(16)))"
        return .message(conversationID: conversationID, id: id, body: body, at: at, key: "message:\(id)")
    }
}
