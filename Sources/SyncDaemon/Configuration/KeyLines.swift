/// Finds the line on which a key of a TOML text stands, for error messages. Good for ordinary tables; unknown places give nil.
struct KeyLines {
    private var lines: [String: Int] = [:]

    init(_ source: String) {
        var table: [String] = []
        for (index, line) in source.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = line.drop { $0 == " " || $0 == "\t" }
            if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
                table = KeyLines.parts(text[..<end].drop { $0 == "[" })
                note(table, line: index + 1)
            } else if let equals = text.firstIndex(of: "="), !text.hasPrefix("#") {
                note(table + KeyLines.parts(text[..<equals]), line: index + 1)
            }
        }
    }

    /// The key's own line, or that of the nearest table around it.
    subscript(path: String) -> Int? {
        var parts = path.split(separator: ".").map(String.init)
        while !parts.isEmpty {
            if let line = lines[parts.joined(separator: ".")] { return line }
            parts.removeLast()
        }
        return nil
    }

    private mutating func note(_ parts: [String], line: Int) {
        let path = parts.joined(separator: ".")
        if lines[path] == nil { lines[path] = line }
    }

    private static func parts(_ text: Substring) -> [String] {
        text.split(separator: ".").map { $0.filter { !" \t\"'".contains($0) } }
    }
}
