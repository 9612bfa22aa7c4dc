/// Finds a table header without a key, such as `[.a]` or a lone `[`: the TOML library does not report an error there but ends the process
/// (an assertion of toml++, in `parse_key`).
///
/// The text is followed as far as it is well-formed. The library reports whatever is wrong before that.
struct TableHeaders {
    private let bytes: [UInt8]
    private var position = 0

    /// - Returns: the line of the first header without a key, from 1; nil if there is none.
    static func lineWithoutKey(in source: String) -> Int? {
        var headers = TableHeaders(bytes: Array(source.utf8))
        guard let position = headers.firstWithoutKey() else { return nil }
        return headers.bytes[..<position].count { $0 == UInt8(ascii: "\n") } + 1
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        // A byte order mark.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func firstWithoutKey() -> Int? {
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
                    guard skipBrackets() else { return begin }
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
                position += 1
                isStart = false
            }
        }
        return nil
    }

    /// Skips what a header begins with.
    /// - Returns: whether a key follows, or something that the library refuses: the end of the text, a closing bracket, or a second one after a space.
    private mutating func skipBrackets() -> Bool {
        position += 1
        let isArray = next == UInt8(ascii: "[")
        if isArray { position += 1 }
        while let byte = next, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
        guard let byte = next else { return true }
        return byte == UInt8(ascii: "]") || !isArray && byte == UInt8(ascii: "[") || TableHeaders.beginsKey(byte)
    }

    private static func beginsKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "\""), UInt8(ascii: "'"):
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
