import SyncCore
import SyncStore

/// The body of a call for people: one line for each member, members of members below theirs.
enum CallBody {
    /// - Parameter showsMessages: what a person wrote stays out of terminals and tickets unless somebody asks for it.
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

    /// The body as JSON; as it is stored where it is not JSON.
    static func json(_ row: OutboxListing, showsMessages: Bool) -> JSONValue {
        // A body of another version of the program is shown all the same.
        guard let body = try? JSONValue(stored: row.body) else { return .string(row.body) }
        return row.payload == PayloadKind.message.rawValue && !showsMessages ? withoutText(body) : body
    }

    /// In place of a message's text its length.
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
