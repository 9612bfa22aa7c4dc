extension Unicode.Scalar {
    /// Whether a terminal or a line-based reader may interpret the character instead of showing it: the C0 and C1 controls with DEL
    /// (ECMA-48), the line and paragraph separators, and the controls that change the direction of the following text (Unicode Standard
    /// Annex #9).
    package var controlsDisplay: Bool {
        switch value {
        case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension String {
    /// The text on one line and without terminal control characters: the characters of ``Unicode/Scalar/controlsDisplay`` are shown as
    /// `\n`, `\t`, `\r` or `\u{1b}`. For text from outside (ids, titles, error texts of remotes) that is shown to people.
    package var onOneLine: String {
        guard unicodeScalars.contains(where: \.controlsDisplay) else { return self }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count + 16)
        for scalar in unicodeScalars {
            switch scalar {
            case "\n": bytes += #"\n"#.utf8
            case "\t": bytes += #"\t"#.utf8
            case "\r": bytes += #"\r"#.utf8
            case _ where scalar.controlsDisplay: bytes += "\\u{\(String(scalar.value, radix: 16))}".utf8
            default: bytes += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// At most this many Unicode scalars, on one line and without terminal control characters.
    ///
    /// Not characters: one of them can have any number of combining marks.
    package func bounded(to limit: Int) -> String {
        // Text that is cut off below need not be processed; an escape is at most ten times as long as its character.
        let line = prefixOfScalars(limit + 1).map { $0.isNewline || $0 == "\t" ? " " : $0 }
        let shown = String(line).onOneLine
        return shown.unicodeScalars.count <= limit ? shown : shown.prefixOfScalars(limit - 1) + "…"
    }

    /// At most this many bytes of UTF-8. What is cut off is replaced by an ellipsis; no character of Unicode is cut in two.
    package func truncated(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let mark = "…"
        let bytes = Array(utf8.prefix(limit - mark.utf8.count + 1))
        var end = bytes.count - 1
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self) + mark
    }

    private func prefixOfScalars(_ count: Int) -> String { String(UnicodeScalarView(unicodeScalars.prefix(count))) }
}
