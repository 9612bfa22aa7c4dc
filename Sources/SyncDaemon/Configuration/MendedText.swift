/// A text that is not valid TOML, without the lines that make it invalid. These lines are emptied, so that the others keep their numbers.
///
/// A line that does not begin a table is removed alone. With the header of a table the whole table is removed, because its keys would otherwise
/// belong to the table above.
struct MendedText {
    /// A file with more invalid lines is not treated as a configuration.
    private static let mostAttempts = 100

    /// The tables of which lines were removed, as dotted paths.
    private(set) var damagedTables: Set<String> = []
    private var lines: [Substring]
    private var attempts = 0

    init(_ source: String) {
        lines = source.textLines
    }

    var source: String { lines.joined(separator: "\n") }

    /// - Parameter line: counted from 1. If it is empty already, the cause is above it.
    /// - Returns: false if there is nothing left to remove.
    mutating func leaveOut(_ line: Int) -> Bool {
        attempts += 1
        let end = min(max(line, 1), lines.count)
        guard attempts <= MendedText.mostAttempts, let first = lines[..<end].lastIndex(where: { !MendedText.isBlank($0) }) else {
            return false
        }
        damagedTables.insert(table(around: first))
        var next = first + 1
        if MendedText.beginsTable(lines[first]) {
            while next < lines.count, !MendedText.beginsTable(lines[next]) { next += 1 }
        }
        for index in first..<next { lines[index] = "" }
        return true
    }

    /// The table that the line begins or belongs to; empty at the top.
    private func table(around index: Int) -> String {
        guard let header = lines[...index].last(where: MendedText.beginsTable) else { return "" }
        // Of a header without a closing bracket, as much as can be read; what follows the bracket is a comment.
        return header.prefix { $0 != "]" }.filter { !"[]\"' \t".contains($0) }
    }

    private static func isBlank(_ line: Substring) -> Bool { line.allSatisfy(\.isWhitespace) }

    private static func beginsTable(_ line: Substring) -> Bool { line.drop(while: \.isWhitespace).first == "[" }
}
