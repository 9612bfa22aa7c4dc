/// Finds what the TOML library does not report as an error, but ends the process for (assertions of toml++):
///
/// - a table header without a key, such as `[.a]` or a lone `[` (in `parse_key`)
/// - a date with a `T` that no time follows, such as `2026-01-31T[` (in `parse_time`)
///
/// The text is followed as far as it is well-formed. The library reports whatever is wrong before that.
struct FatalTOML {
    private let bytes: [UInt8]
    private var position = 0
    /// The last byte before the present one that is not a space, a line break or part of a comment; 0 at the beginning.
    private var last: UInt8 = 0

    /// - Returns: the line of the first such place, from 1, and what is expected there; nil if there is none.
    static func first(in source: String) -> (line: Int, expected: String)? {
        var text = FatalTOML(bytes: Array(source.utf8))
        guard let (position, expected) = text.first() else { return nil }
        return (text.bytes[..<position].count { $0 == UInt8(ascii: "\n") } + 1, expected)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        // A byte order mark.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func first() -> (position: Int, expected: String)? {
        /// How many arrays and inline tables are open.
        var depth = 0
        var isStart = true
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\n"):
                position += 1
                isStart = isStart || depth == 0
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
            case UInt8(ascii: "#"): while let byte = next, byte != UInt8(ascii: "\n") { position += 1 }
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                if isStart, byte == UInt8(ascii: "[") {
                    let begin = position
                    guard skipBrackets() else {
                        return (begin, "a table is named between brackets, as in [remotes.NAME]; a name with other characters needs quotes")
                    }
                } else {
                    depth += 1
                    position += 1
                }
                isStart = false
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth = max(0, depth - 1)
                position += 1
                isStart = false
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                skipString(byte)
                isStart = false
            default:
                if isDateWithoutTime {
                    return (position, "after a date and a T comes a time, as in 2026-01-31T09:30:00; a text needs quotes")
                }
                position += 1
                isStart = false
            }
            if !" \t\r\n#".utf8.contains(byte) { last = byte }
        }
        return nil
    }

    /// A value begins here that has the form of a date, with a `T` and something that is not part of a word.
    private var isDateWithoutTime: Bool {
        guard "=[,".utf8.contains(last) else { return false }
        let text = bytes[position...].prefix(12)
        guard text.count == 12, text.prefix(11).elementsEqual("0000-00-00T".utf8, by: FatalTOML.hasForm) else { return false }
        return !FatalTOML.beginsBareKey(bytes[position + 11])
    }

    /// - Parameter form: a `0` for every digit, a `T` for both cases.
    private static func hasForm(_ byte: UInt8, _ form: UInt8) -> Bool {
        switch form {
        case UInt8(ascii: "0"): (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        case UInt8(ascii: "T"): byte == form || byte == UInt8(ascii: "t")
        default: byte == form
        }
    }

    /// Skips what a header begins with.
    /// - Returns: whether a key follows, or something that the library refuses: the end of the text, a closing bracket, or a second one after a space.
    private mutating func skipBrackets() -> Bool {
        position += 1
        let isArray = next == UInt8(ascii: "[")
        if isArray { position += 1 }
        while let byte = next, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
        guard let byte = next else { return true }
        return byte == UInt8(ascii: "]") || !isArray && byte == UInt8(ascii: "[") || FatalTOML.beginsKey(byte)
    }

    private static func beginsKey(_ byte: UInt8) -> Bool {
        beginsBareKey(byte) || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
    }

    private static func beginsBareKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private func isTriple(_ quote: UInt8) -> Bool { bytes[position...].starts(with: [quote, quote, quote]) }

    /// Skips a string with its quotes. One that is not closed ends with its line, or with the text.
    private mutating func skipString(_ quote: UInt8) {
        let isLong = isTriple(quote)
        position += isLong ? 3 : 1
        while let byte = next {
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                position = min(position + 2, bytes.count)
            } else if isLong, isTriple(quote) {
                position += 3
                // Up to two quotes before the closing ones belong to the text.
                for _ in 0..<2 where next == quote { position += 1 }
                return
            } else if !isLong, byte == quote {
                position += 1
                return
            } else if !isLong, byte == UInt8(ascii: "\n") {
                return
            } else {
                position += 1
            }
        }
    }
}
