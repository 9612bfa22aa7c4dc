import Foundation
import Sandbox
import Testing

/// The table "What to alert on" in docs/operations.md, compared with the log's schema.
@Suite struct AlertTableTests {
    /// Warnings without a line in the table, each with the reason.
    private static let excepted = [
        "delivery.attempted":
            "one failed call is retried; what remains is delivery.dead, remote.parked, breaker.opened or oldest_pending_s",
        "delivery.fenced": "what the call may have changed is sent again",
        "delivery.repeated": "it counts failures of which the first ones were written",
        "drift.detected": "the remote stores another spelling, which counts as agreed",
        "outbox.recovered": "the calls of a process that ended are sent again with the same keys",
    ]

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func events() throws -> [SandboxJSON] {
        try SandboxJSON(text: text("docs/log-events.schema.json"))["oneOf"]?.array ?? []
    }

    /// The events that can be written at level warning or error.
    private static func serious() throws -> Set<String> {
        Set(
            try events().filter { event in
                let level = event["properties"]?["level"]
                let levels = level?["enum"]?.array ?? [level?["const"] ?? .null]
                return levels.contains("warning") || levels.contains("error")
            }.compactMap { $0["title"]?.string })
    }

    /// The names in backticks in the first column of the table that look like events.
    private static func listed() throws -> Set<String> {
        let section = try text("docs/operations.md").components(separatedBy: "### What to alert on\n").dropFirst().first
        let table = (section ?? "").components(separatedBy: "\n#").first ?? ""
        var names: Set<String> = []
        for line in table.split(separator: "\n") where line.hasPrefix("| ") {
            let alert = line.dropFirst(2).components(separatedBy: " | ").first ?? ""
            for (index, piece) in alert.components(separatedBy: "`").enumerated() where index % 2 == 1 {
                if piece.contains("."), !piece.contains(" ") { names.insert(piece) }
            }
        }
        return names
    }

    @Test func `every event that can be a warning or an error is in the alert table, or excepted with a reason`() throws {
        let serious = try Self.serious()
        #expect(serious.count > 30)
        #expect(serious.subtracting(try Self.listed()).subtracting(Self.excepted.keys).sorted() == [])
    }

    @Test func `the alert table names only events that exist, and none that is excepted`() throws {
        let listed = try Self.listed()
        let known = Set(try Self.events().compactMap { $0["title"]?.string })
        #expect(listed.subtracting(known).sorted() == [])
        #expect(listed.intersection(Self.excepted.keys).sorted() == [])
        #expect(Set(Self.excepted.keys).subtracting(try Self.serious()).sorted() == [], "an exception that is none any more")
    }

    @Test func `the documented check of status includes every count that somebody has to act on`() throws {
        let check = try #require(try Self.text("docs/operations.md").split(separator: "\n").first { $0.contains("status --json | jq -e") })
        for member in ["held_by_brake", "held_ends", "discarded", "put_aside", "dead", "uncertain", "held", "parked_at"] {
            #expect(check.contains(".\(member)"), "\(member)")
        }
    }

    @Test func `log-events.md says what to do about every event that can be a warning or an error`() throws {
        let rows = try Self.text("docs/log-events.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
        for event in try Self.serious() {
            let own = rows.filter { $0.hasPrefix("| `\(event)` |") }
            #expect(!own.isEmpty, "\(event)")
            for row in own {
                let advice = row.components(separatedBy: "|").dropLast().last?.trimmingCharacters(in: .whitespaces) ?? ""
                #expect(!advice.isEmpty, "\(event)")
            }
        }
    }
}
