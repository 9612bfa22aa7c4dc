import SyncCore
import SyncStore

/// The body of a call for people: one line per member, nested members indented.
enum CallBody {
    /// - Parameter showsMessages: whether to include the text of messages, which otherwise stays out of terminals and tickets.
    static func lines(_ row: OutboxListing, showsMessages: Bool) -> [String] {
        // A call that could not be built has no body.
        guard row.body != "{}" else { return [] }
        let body: JSONValue
        do {
            body = try JSONValue(stored: row.body)
        } catch {
            return ["  body cannot be read: \(error)"]
        }
        let isMessage = row.payload == PayloadKind.message.rawValue
        return ["  body"] + lines(of: isMessage && !showsMessages ? withoutText(body) : body, indent: "    ")
    }

    /// The body as JSON; a string of the stored text if it is not JSON.
    static func json(_ row: OutboxListing, showsMessages: Bool) -> JSONValue {
        // Nothing is lost: a body that cannot be read, such as one of another version, is shown as its text.
        guard let body = try? JSONValue(stored: row.body) else { return .string(row.body) }
        return row.payload == PayloadKind.message.rawValue && !showsMessages ? withoutText(body) : body
    }

    /// Replaces the text of a message by its length.
    private static func withoutText(_ body: JSONValue) -> JSONValue {
        guard var members = body.objectValue, var message = members["message"]?.objectValue, let text = message["body"]?.stringValue else {
            return body
        }
        message["body"] = .string("(\(text.count) characters; --body shows them)")
        members["message"] = .object(message)
        return .object(members)
    }

    private static func lines(of value: JSONValue, indent: String) -> [String] {
        guard let members = value.objectValue, !members.isEmpty else { return ["\(indent)\(value.text)"] }
        return members.sorted.flatMap { name, value -> [String] in
            guard let inner = value.objectValue, !inner.isEmpty else { return ["\(indent)\(name): \(value.text)"] }
            return ["\(indent)\(name)"] + lines(of: value, indent: indent + "  ")
        }
    }
}
