import SyncCore

/// Finds the line of a key in a TOML text, for error messages. Handles ordinary tables; nil for keys that it does not find.
struct KeyLines {
    private var lines: [ExactText: Int] = [:]

    init(_ source: String) {
        var table: [String] = []
        for (index, line) in source.textLines.enumerated() {
            let text = line.drop { $0 == " " || $0 == "\t" }
            if text.hasPrefix("[") {
                table = KeyLines.parts(text.drop { $0 == "[" }, endingBefore: "]")
                note(table, line: index + 1)
            } else if !text.hasPrefix("#") {
                let key = KeyLines.parts(text, endingBefore: "=")
                // `a.b = 1` is also a line of the table `a`.
                for length in 0..<key.count { note(table + key[...length], line: index + 1) }
            }
        }
    }

    /// The key's own line, or that of the nearest enclosing table.
    subscript(path: String) -> Int? {
        var parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        while !parts.isEmpty {
            if let line = lines[ExactText(parts.joined(separator: "."))] { return line }
            parts.removeLast()
        }
        return nil
    }

    /// Whether the text contains a table or key of that path.
    func has(_ path: String) -> Bool { lines[ExactText(path)] != nil }

    private mutating func note(_ parts: [String], line: Int) {
        let path = ExactText(parts.joined(separator: "."))
        if lines[path] == nil { lines[path] = line }
    }

    /// The parts of a dotted key, without quotes; empty if `end` is not found.
    private static func parts(_ text: Substring, endingBefore end: Character) -> [String] {
        var parts: [String] = []
        var part = ""
        var quote: Character?
        for character in text {
            if character == quote {
                quote = nil
            } else if quote != nil {
                part.append(character)
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == end {
                return parts + [part]
            } else if character == "." {
                parts.append(part)
                part = ""
            } else if character != " ", character != "\t" {
                part.append(character)
            }
        }
        return []
    }
}
