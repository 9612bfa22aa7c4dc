import Foundation

/// README.md and the blocks in it.
struct Readme {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    let text: String

    init() throws {
        text = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    }

    /// The contents of the blocks of a language, in order.
    func fences(_ language: String) -> [String] {
        text.components(separatedBy: "\n```\(language)\n").dropFirst().map { $0.components(separatedBy: "\n```").first ?? "" }
    }

    /// The output that is shown below `$ convosync …`, up to the next command or the end of its block.
    func output(of command: String) -> [Substring] {
        let lines = fences("console").flatMap { ($0 + "\n$ ").split(separator: "\n", omittingEmptySubsequences: false) }
        return Array(lines.drop { $0 != "$ \(command)" }.dropFirst().prefix { !$0.hasPrefix("$ ") })
    }

    /// The first cells of the table of commands, without their backticks.
    var commands: [String] {
        let table = text.components(separatedBy: "\n| command | does |\n").dropFirst().first ?? ""
        return table.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().prefix { $0.hasPrefix("| `") }.flatMap { line in
            let cell = line.dropFirst(2).components(separatedBy: " | ").first ?? ""
            return cell.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        }
    }
}

/// A line of output without the parts that differ between runs: times, ages, process ids, numbers of rows, and the spaces between columns.
struct ComparableLine: Equatable, CustomStringConvertible {
    let description: String

    init(_ line: Substring) {
        description = line.split(separator: " ").map { Self.comparable($0) }.joined(separator: " ")
    }

    private static func comparable(_ word: Substring) -> String {
        if let sign = word.firstIndex(of: "="), word[sign...].dropFirst().first?.isNumber == true { return word[...sign] + "N" }
        return word.contains(where: \.isLetter) || !word.contains(where: \.isNumber) ? withoutTime(word) : "N"
    }

    /// `2026-11-27T08:40:53.123Z` and `4m12s` become `T`, also with a bracket or comma next to them.
    private static func withoutTime(_ word: Substring) -> String {
        let core = word.drop { !$0.isLetter && !$0.isNumber }
        let isTime = core.first?.isNumber == true && core.allSatisfy { $0.isNumber || "-:.TZmshd),;".contains($0) }
        return isTime && core.contains(where: \.isLetter) ? "T" : String(word)
    }
}
