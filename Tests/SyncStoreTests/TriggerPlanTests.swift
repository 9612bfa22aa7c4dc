import GRDB
import Testing

@testable import SyncStore

/// Triggers find their rows by an index: a write of the application costs the same however large the tables are.
@Suite struct TriggerPlanTests {
    /// A scan of anything but rows that are in the statement itself, and elements of a JSON text.
    private static func isFullScan(_ line: String) -> Bool {
        line.hasPrefix("SCAN") && !["CONSTANT ROW", "VALUES CLAUSE", "VIRTUAL TABLE"].contains { line.contains($0) }
    }

    /// `trigger: line of the plan` for each statement that reads a whole table.
    private func fullScans(_ scenario: StoreScenario) throws -> [String] {
        try scenario.application.queue.read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
            #expect(rows.count > 40, "most triggers are missing: the test proves nothing")
            return try rows.flatMap { row -> [String] in
                let (name, sql): (String, String) = (row["name"], row["sql"])
                let trigger = try TriggerText(sql)
                #expect(!trigger.statements.isEmpty, "\(name)")
                return try trigger.statements.flatMap { text -> [String] in
                    let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(text)")
                    statement.setUncheckedArguments(StatementArguments())
                    let plan = try Row.fetchAll(statement).map { $0["detail"] as String }
                    return plan.filter(TriggerPlanTests.isFullScan).map { "\(name): \($0)" }
                }
            }
        }
    }

    @Test func `no statement of a trigger reads a whole table`() throws {
        #expect(try fullScans(StoreScenario()) == [])
    }

    @Test func `a trigger that reads whole tables is found`() throws {
        let scenario = try StoreScenario()
        try scenario.write(
            """
            CREATE TRIGGER made_up AFTER UPDATE ON users
            WHEN OLD.name IS NOT 'begin; end' AND EXISTS (SELECT 1 FROM messages WHERE body = NEW.name)
            BEGIN
                -- It's not a statement; and nor is the text below.
                SELECT RAISE(ABORT, 'a name (such as "x;y") is missing') WHERE NEW.name IS NULL;
                DELETE FROM inbox WHERE conversation_id = OLD.id AND state = CASE OLD.name WHEN 'x' THEN 'waiting' ELSE 'pending' END;
            END
            """)
        #expect(try fullScans(scenario) == ["made_up: SCAN inbox", "made_up: SCAN messages"])
    }
}

/// What a trigger runs, as statements that SQLite explains outside of it.
private struct TriggerText {
    /// The statements of the body, and the condition as the last one. Parameters stand for `NEW.…` and `OLD.…`, and NULL for `RAISE (…)`:
    /// these exist only within a trigger.
    var statements: [String]

    init(_ sql: String) throws {
        let tokens = TriggerText.tokens(of: sql)
        let begin = try #require(tokens.firstIndex { $0.uppercased() == "BEGIN" })
        let end = try #require(tokens.lastIndex { $0.uppercased() == "END" })
        statements = tokens[(begin + 1)..<end].split { $0 == ";" }.map { TriggerText.text(of: $0) }.filter { text in
            text.contains { !$0.isWhitespace }
        }
        let header = tokens[..<begin]
        if let when = header.firstIndex(where: { $0.uppercased() == "WHEN" }) {
            statements.append("SELECT \(TriggerText.text(of: header[(when + 1)...]))")
        }
    }

    /// Words, quoted texts, and single characters; without comments.
    private static func tokens(of sql: String) -> [String] {
        var tokens: [String] = []
        var rest = Substring(sql)
        while let first = rest.first {
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
                continue
            }
            var token = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            if first == "'" || first == "\"" {
                let closing = rest.dropFirst().firstIndex(of: first)
                token = closing.map { rest[...$0] } ?? rest
            } else if token.isEmpty {
                token = rest.prefix(1)
            }
            tokens.append(String(token))
            rest = rest[token.endIndex...]
        }
        return tokens
    }

    private static func text(of tokens: ArraySlice<String>) -> String {
        var text = ""
        var rest = tokens
        while let token = rest.popFirst() {
            switch token.uppercased() {
            case "NEW" where rest.first == ".", "OLD" where rest.first == ".":
                rest = rest.dropFirst(2)
                text += "?"
            case "RAISE":
                rest = rest.drop { $0 != ")" }.dropFirst()
                text += "NULL"
            default:
                text += token
            }
        }
        return text
    }
}
