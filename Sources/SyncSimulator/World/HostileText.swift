import SyncCore
import SyncStore

/// Text that programs get wrong: what people paste, and what breaks parsers, terminals and comparisons.
enum HostileText {
    /// The longest repetition, in copies of a piece.
    private static let longest = 40_000

    private static let pieces = [
        // Normal forms: the same characters to a reader, different bytes.
        "\u{E9}", "e\u{301}", "\u{C5}", "\u{212B}", "\u{AC00}", "\u{1100}\u{1161}",
        // Right-to-left, and marks that turn the direction of what follows.
        "\u{5E9}\u{5DC}\u{5D5}\u{5DD}", "\u{645}\u{631}\u{62D}", "\u{202E}txt.exe", "\u{2066}a\u{2069}",
        // Invisible or wide: joiners, variation selectors, no-break spaces, a byte order mark in the middle.
        "\u{1F469}\u{200D}\u{1F467}", "\u{2764}\u{FE0F}", "a\u{200B}b", "a\u{A0}b", "a\u{FEFF}b", "\u{2028}", "\u{85}",
        // What means something in JSON, HTML, SQL, a log line, a URL, a terminal.
        #"\"#, #"""#, "\\u0041", "\\ud800", "</script>", "&amp;", "'; DROP TABLE links; --", "%00%2e", "?a=b#c", "../",
        "key=value other=\"", "\n",
        "\r\n", "\t", "\u{1B}[31m", "\u{7}", "\u{7F}", "\u{0}", "\u{10FFFF}", "\u{FFFD}", "\u{FFFE}", "\u{E000}", "1e999", "-0", "null",
    ]

    /// What is not UTF-8: truncated, stray, overlong, a surrogate, above U+10FFFF.
    static let notUTF8: [[UInt8]] = [
        [0xC3, 0x28], [0xE2, 0x82], [0xFF], [0x80, 0x61], [0xC1, 0x81], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
    ]

    /// The rest of an id. Control characters are refused in events, and no id in the field has any.
    static func ofID(_ random: inout SplitMix64) -> String {
        String(String.UnicodeScalarView(draw(&random).unicodeScalars.filter { !$0.properties.generalCategory.isControl }))
    }

    /// - Parameter mayBeLong: whether it may have a size of hundreds of kilobytes.
    static func draw(mayBeLong: Bool = false, _ random: inout SplitMix64) -> String {
        let piece = pieces.randomElement(using: &random) ?? ""
        if mayBeLong, Int.random(in: 0..<200, using: &random) == 0 {
            return String(repeating: piece, count: Int.random(in: 1...longest, using: &random))
        }
        return (0..<Int.random(in: 1...4, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }
}

/// Text by its bytes, as a program writes it that does not check them.
struct RawText: SQLConvertible {
    let bytes: [UInt8]

    init(_ text: String, _ rest: [UInt8] = []) {
        bytes = Array(text.utf8) + rest
    }

    var sqlValue: SQLValue { .bytes(bytes) }
}

extension Unicode.GeneralCategory {
    fileprivate var isControl: Bool { self == .control || self == .lineSeparator || self == .paragraphSeparator }
}
