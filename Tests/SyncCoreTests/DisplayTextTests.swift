import SyncCore
import Testing

/// Text from others, shown to people: one line, without commands for a terminal.
@Suite struct DisplayTextTests {
    @Test(arguments: [
        ("plain ü 返 😀", "plain ü 返 😀"), ("a\nb", #"a\nb"#), ("a\r\nb\t", #"a\r\nb\t"#), ("\u{1B}[31mred", #"\u{1b}[31mred"#),
        ("\u{7}\u{0}\u{7F}", #"\u{7}\u{0}\u{7f}"#), ("\u{9B}31m\u{85}\u{80}", #"\u{9b}31m\u{85}\u{80}"#),
        ("a\u{2028}b\u{2029}", #"a\u{2028}b\u{2029}"#), ("\u{202E}abc\u{202C}\u{2066}x\u{2069}", #"\u{202e}abc\u{202c}\u{2066}x\u{2069}"#),
        ("שלום\u{200F}", "שלום\u{200F}"), ("e\u{301}", "e\u{301}"),
    ])
    func `control characters are shown as escapes`(text: String, shown: String) {
        #expect(text.onOneLine.hasSameBytes(as: shown))
        #expect(shown.onOneLine.hasSameBytes(as: shown), "and once is enough")
    }

    @Test(arguments: [
        ("plain", "plain"), ("12345678", "12345678"), ("123456789", "1234567…"), ("a\r\nb\tc", "a b c"), ("a\u{1B}", #"a\u{1b}"#),
        ("ab\u{1B}c", #"ab\u{1b…"#),
        ("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}…"),
    ])
    func `bounded text has at most as many scalars, with combining marks and escapes`(text: String, shown: String) {
        #expect(text.bounded(to: 8).hasSameBytes(as: shown))
    }

    @Test func `in JSON control characters are escaped, and the value stays the same`() throws {
        let value: JSONValue = ["\u{1B}\u{9B}": "a\u{7F}\u{85}\u{2028}\u{202E}\u{2069}\u{FEFF}é\n"]
        #expect(value.printableText == #"{"\u001b\u009b":"a\u007f\u0085\u2028\u202e\u2069\#u{FEFF}é\n"}"#)
        #expect(try JSONValue(text: value.printableText) == value)
        #expect(try JSONValue(text: value.text) == value)
        #expect(value.text.unicodeScalars.contains("\u{9B}"), "what is sent is not changed")
    }
}
