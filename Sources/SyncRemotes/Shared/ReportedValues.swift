import SyncCore

/// Lenient reading of values in responses: a value of another type than documented counts as not reported.
///
/// It is unknown whether a remote follows its documentation, and one odd member must not hide the others.
extension JSONValue {
    /// In UTF-8 bytes. Longer texts are not status values, and may be personal.
    static let longestWord = 40

    /// A status value as the remote spells it; nil if there is none (null).
    ///
    /// Anything that cannot be a status value is reported as well, so that it is found to be unmapped: numbers and booleans as they are
    /// written, anything else by its type. Status values are stored per conversation and shown in log lines, so nothing is quoted that may
    /// be personal.
    var reportedWord: String? {
        switch self {
        case .null: nil
        case .string(let text): JSONValue.reportedWord(text)
        case .object: "(an object)"
        case .array: "(an array)"
        case .bool, .integer, .number: text.utf8.count <= JSONValue.longestWord ? text : "(a long number)"
        }
    }

    private static func reportedWord(_ text: String) -> String {
        if text.isEmpty { return "(an empty text)" }
        let isPlain = text.utf8.count <= longestWord && !text.contains("@") && !text.unicodeScalars.contains(where: \.controlsDisplay)
        return isPlain ? text : "(a text of \(text.count) characters)"
    }

    /// An id that is documented as an integer, as text. A string of digits is accepted if it is how the number is written: `"7"` is,
    /// `"007"` and `"+7"` are not.
    var reportedInteger: String? {
        if case .string(let text) = self { return Int64(text).map(String.init) == text ? text : nil }
        return integerValue.map(String.init)
    }

    /// An id that is documented as a string. A number is accepted as well.
    var reportedID: String? {
        switch self {
        case .string(let text): text.isEmpty ? nil : text
        // A number that is too long for an integer keeps all its digits.
        case .number(let number) where number.integerValue == nil && number.isWrittenAsInteger: number.text
        default: integerValue.map(String.init)
        }
    }

    /// All tags or none: a single unreadable tag would look as if it had been removed.
    var reportedTags: [String]? {
        guard let values = arrayValue else { return nil }
        let tags = values.compactMap(\.stringValue)
        return tags.count == values.count ? tags : nil
    }

    /// A timestamp in ISO 8601. Fractions of any usual length are accepted: Laravel writes six digits.
    var reportedInstant: Instant? {
        guard let text = stringValue, text.utf8.count <= 40 else { return nil }
        return Instant(iso8601: text)
    }

    /// A timestamp as a Unix time in seconds. A number above 10¹¹ counts as milliseconds: in seconds it would be in the year 5138.
    ///
    /// Nil for zero and below, as in an unset member, and from the year 10000 on.
    var reportedUnixTime: Instant? {
        let number: Double? =
            switch self {
            case .integer(let integer): Double(integer)
            case .number(let number): number.doubleValue
            default: nil
            }
        guard let number, number > 0 else { return nil }
        let milliseconds = (number > 1e11 ? number : number * 1000).rounded()
        guard milliseconds < 253_402_300_800_000 else { return nil }
        return Instant(milliseconds: Int64(milliseconds))
    }
}

extension Unreadable {
    /// An error within a response to a read, with its code if it has one. Its texts may be about people that none of our calls named, so
    /// they are not passed on.
    static func reported(_ summary: String, by body: JSONValue) -> Unreadable {
        Unreadable([summary, ErrorText.code(body)].compactMap { $0 }.joined(separator: ": "))
    }
}
