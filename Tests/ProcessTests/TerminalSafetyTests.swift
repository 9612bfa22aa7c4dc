import Foundation
import Sandbox
import Testing

/// Ids, titles and error texts are written by others: on a terminal and in a log they must be text and nothing else.
@Suite(.serialized) struct TerminalSafetyTests {
    /// A colour, the bell, a window title, C1, DEL, line breaks, a reversed line.
    private static let evil =
        "\u{1B}[31mred\u{7}\u{1B}]0;owned\u{7}\u{9B}2J\u{85}\u{7F}\nid: 99  delivered\r\n\u{2028}x\u{2029}\u{202E}esrever\u{202C}\u{2066}\u{2069}\u{8}"

    private func controls(_ text: String) -> [String] {
        text.unicodeScalars.filter { scalar in
            switch scalar.value {
            case 0x0A: false
            case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
            default: false
            }
        }.map { String($0.value, radix: 16) }
    }

    @Test(arguments: ["logfmt", "json"])
    func `no text by others controls the terminal or adds a line`(format: String) async throws {
        try await withScenario({
            $0["log", "format"] = "\"\(format)\""
            $0["remotes.vg.fields", "leadScore"] = "\"title\""
        }) { scenario in
            let id = "c1" + Self.evil
            try await scenario.write("INSERT INTO users (id, name) VALUES ('u1', ?)", [Self.evil])
            try await scenario.write(
                "INSERT INTO conversations (id, title, tags, attributes, assignee_id, user_id) VALUES (?1, ?2, json_array(?2), json_object(?2, ?2), ?2, 'u1')",
                [id, Self.evil])
            try await scenario.write(
                "INSERT INTO links (conversation_id, remote, remote_id) VALUES (?1, 'voicebot', ?2), (?1, 'vg', ?2), (?1, ?2, '1')",
                [id, Self.evil])
            var refusal = FaultRule(.status)
            refusal.status = 422
            refusal.body = [
                "code": .string("bad" + Self.evil), "message": .string(Self.evil),
                "errors": [["field": .string(Self.evil), "message": "no"]],
            ]
            for remote in ["vg", "helpdesk"] { try scenario.world.setFaults([refusal], on: remote) }
            var outputs: [String: String] = [:]
            outputs["plan"] = try await scenario.run("plan").output
            let sync = try await scenario.run("sync")
            outputs["sync"] = sync.output + sync.errorOutput
            for arguments in [
                ["status"], ["check"], ["map"], ["outbox", "list"], ["outbox", "show", "1", "2", "3"], ["explain", id],
                ["explain", Self.evil],
                ["outbox", "retry", "--state", "dead", "--dry-run"], ["pause", Self.evil], ["outbox", "list", "--state", Self.evil],
            ] {
                let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                outputs[arguments.joined(separator: " ").prefix(20).description + "…"] = result.output + result.errorOutput
            }
            for (command, text) in outputs {
                #expect(controls(text) == [], "\(command): \(text.debugDescription)")
                #expect(!text.contains("\nid: 99"), "\(command): \(text)")
            }
            // A table has a line for its header and one for each row.
            let rows = try await scenario.number("SELECT count(*) FROM outbox")
            // Two refused calls were sent separately, to find out which member it is.
            #expect(rows == 7)
            #expect(try await scenario.run("outbox", "list").output.split(separator: "\n").count == rows + 1)
            for line in sync.output.split(separator: "\n") where line.contains("delivery.") {
                #expect(line.hasPrefix(format == "json" ? "{\"ts\":" : "ts="))
            }
            // A stored text of a remote is one line as well.
            for column in ["outbox.last_error", "outbox_attempts.error", "outbox_attempts.response_excerpt", "remotes.last_error"] {
                let parts = column.split(separator: ".")
                for text in try await scenario.texts("SELECT \(parts[1]) FROM \(parts[0]) WHERE \(parts[1]) LIKE 'HTTP%'") {
                    #expect(controls(text) == [] && !text.contains("\n"), "\(column): \(text.debugDescription)")
                }
            }
            // With --json the data is unchanged.
            let list = try await scenario.run("outbox", "list", "--json")
            #expect(controls(list.output) == [])
            #expect(try list.json["rows"]?.array?.compactMap { $0["conversation_id"]?.string }.allSatisfy { $0 == id } == true)
            #expect(
                try await scenario.start(["explain", id, "--json", "--config", scenario.configurationPath]).end().json["conversation"]?[
                    "id"]?.string == id)
        }
    }
}
