import SyncCore

/// Reads the members of an event. Types are checked strictly, because the values are stored, and every value has a largest size.
enum EventMembers {
    /// In UTF-8 bytes.
    static let longestIdentifier = 512
    static let longestWord = 100
    /// From the year 2000 to the year 9999, in milliseconds since 1970: seconds in place of milliseconds are out of range.
    private static let timestamps: ClosedRange<Int64> = 946_684_800_000...253_402_300_799_999

    /// A text that the remote defines: the name of an event.
    static func word(_ name: String, of body: JSONValue) throws(Unreadable) -> String {
        guard let word = try present(name, of: body).stringValue else { throw Unreadable("\"\(name)\" is not a string") }
        guard isPlain(word, longest: longestWord) else { throw Unreadable("\"\(name)\" is empty, too long, or holds control characters") }
        return word
    }

    /// A status value, as in a response: what may be personal is replaced by a description of it, so that it is reported as unmapped.
    /// Status values are stored per conversation and shown in log lines.
    static func status(_ name: String, of body: JSONValue) throws(Unreadable) -> String {
        guard let word = try present(name, of: body).reportedWord else { throw Unreadable("\"\(name)\" is missing") }
        return word
    }

    /// The name of an event for the log: described like a status value if it may be something else.
    static func shown(_ name: String) -> String { JSONValue.string(name).reportedWord ?? name }

    static func identifier(_ name: String, of body: JSONValue) throws(Unreadable) -> String {
        guard let identifier = identifier(try present(name, of: body)) else { throw Unreadable("\"\(name)\" is not an id") }
        return identifier
    }

    /// Some systems write ids as numbers.
    static func identifier(_ value: JSONValue) -> String? {
        let text = value.stringValue ?? value.integerValue.map(String.init)
        guard let text, isPlain(text, longest: longestIdentifier) else { return nil }
        return text
    }

    /// ISO 8601, as in the documents' examples, or milliseconds since 1970, as the name `…_ms` suggests.
    static func timestamp(_ name: String, of body: JSONValue) throws(Unreadable) -> Instant {
        guard let instant = timestamp(try present(name, of: body)) else {
            throw Unreadable("\"\(name)\" is neither an ISO 8601 timestamp nor milliseconds since 1970")
        }
        return instant
    }

    /// Nil for anything but a timestamp in one of the two forms.
    static func timestamp(_ value: JSONValue) -> Instant? {
        let milliseconds = value.integerValue ?? value.stringValue.flatMap { Int64($0) }
        let instant = milliseconds.map(Instant.init(milliseconds:)) ?? value.stringValue.flatMap(Instant.init(iso8601:))
        guard let instant, timestamps.contains(instant.milliseconds) else { return nil }
        return instant
    }

    /// Whether the member exists and is not null.
    static func has(_ name: String, in body: JSONValue) -> Bool {
        body[name].map { $0 != .null } ?? false
    }

    static func present(_ name: String, of body: JSONValue) throws(Unreadable) -> JSONValue {
        guard body.objectValue != nil else { throw Unreadable("\"\(name)\" is missing: expected a JSON object that contains it") }
        guard let value = body[name], value != .null else { throw Unreadable("\"\(name)\" is missing") }
        return value
    }

    private static func isPlain(_ text: String, longest: Int) -> Bool {
        !text.isEmpty && text.utf8.count <= longest && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}
