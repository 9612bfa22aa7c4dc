import Fixtures
import Foundation
import Sandbox
import Testing

/// README.md, compared with the program: its configuration is valid, its SQL runs, and its commands print what it shows.
@Suite(.serialized) struct ReadmeTests {
    @Test func `the configuration of the README is valid`() async throws {
        let readme = try Readme()
        let samples = readme.fences("toml")
        #expect(samples.count == 1)
        try await withScenario { scenario in
            let text = samples.joined(separator: "\n").replacingOccurrences(of: "/var/lib/convosync/", with: "")
                .replacingOccurrences(of: "/etc/convosync/", with: "")
            for name in ["helpdesk.token", "fin.token", "fin.webhook-secret", "voicebot.token", "vg.token"] {
                #expect(text.contains("\"\(name)\""))
                try scenario.write("a-secret-of-sufficient-length", to: name)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o600], ofItemAtPath: "\(scenario.directory)/\(name)")
            }
            try scenario.write(text, to: "convosync.toml")
            let check = try await scenario.run("check")
            #expect(check.exitCode == 0, "\(check.output) \(check.errorOutput)")
            for remote in ["helpdesk", "fin", "voicebot", "vg"] { #expect(try await scenario.run("map").output.contains(remote)) }
        }
    }

    @Test func `every command of the README exists with its options, and none is missing`() async throws {
        let readme = try Readme()
        let help = try await withHelp([])
        for command in readme.commands {
            let words = command.split(separator: " ").map(String.init)
            // `outbox list`, `show` means `outbox show`.
            let isOfOutbox = ["show", "discard", "release"].contains(words[0])
            let name = (isOfOutbox ? ["outbox"] : []) + (words[0] == "outbox" ? Array(words.prefix(2)) : [words[0]])
            let page = try await withHelp(name)
            #expect(page.contains("USAGE: convosync \(name.joined(separator: " "))"), "\(command)")
            for option in command.components(separatedBy: "--").dropFirst() {
                let option = option.prefix { $0.isLetter || $0 == "-" }
                #expect(page.contains("--\(option)"), "\(command)")
            }
        }
        let shown = Set(readme.commands.compactMap { $0.split(separator: " ").first.map(String.init) })
        let subcommands = help.components(separatedBy: "SUBCOMMANDS:").last?.split(separator: "\n").compactMap { line in
            line.hasPrefix("  ") && !line.hasPrefix("   ") && !line.hasPrefix("  See ")
                ? line.split(separator: " ").first.map(String.init) : nil
        }
        #expect((subcommands ?? []).count >= 12)
        #expect(Set(subcommands ?? []).subtracting(shown) == [])
    }

    @Test func `the story of the README happens as described`() async throws {
        let readme = try Readme()
        let sql = try #require(readme.fences("sql").first)
        let configure: (inout ScenarioConfiguration) -> Void = {
            $0["remotes.vg", "agent_id"] = "\"your-agent\""
            $0["remotes.vg", "poll"] = "{ interval = \"1s\" }"
            $0["log", "format"] = "\"logfmt\""
            $0["schedule", "stall"] = "\"10s\""
            $0["remotes.voicebot", "rate"] = "\"1000/s\""
        }
        try await withScenario(configure) { scenario in
            try await scenario.write(sql)
            try await scenario.write("UPDATE messages SET created_at = '2026-01-01T00:00:00.000Z'")
            _ = try await scenario.run("sync", "--drain", "30")
            try await scenario.write("UPDATE conversations SET status = 'resolved' WHERE id = 'conv_456'")
            try await compare("convosync plan", in: readme, scenario)
            try await compare("convosync sync", in: readme, scenario)
            try await scenario.write(
                "INSERT INTO messages (id, conversation_id, author, body) VALUES ('m2', 'conv_456', 'user', 'Is that per month?')")
            try scenario.sandbox.act(
                ["conversation": "convo-9", "agent": "your-agent", "state": "human-chatting", "chatAssignedTo": "client_sam"], on: "vg")
            _ = try await scenario.run("sync", "--drain", "30")
            try await compare("convosync explain conv_456", in: readme, scenario)
            try await fail(scenario)
            try await compare("convosync status", in: readme, scenario)
        }
    }

    /// vg refuses the token, voicebot is down, and the conversation ends.
    private func fail(_ scenario: ProgramScenario) async throws {
        for (remote, status) in [("vg", 401), ("voicebot", 503)] {
            var rule = FaultRule(.status)
            rule.status = status
            rule.body = ["message": .string(status == 401 ? "Unauthorized" : "Service Unavailable")]
            try scenario.world.setFaults([rule], on: remote)
        }
        try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'conv_456'")
        // One attempt, and the rest of the story follows from it.
        try scenario.configure { $0["retry", "base"] = "\"1h\"" }
        try scenario.configure { $0["retry", "cap"] = "\"1h\"" }
        _ = try scenario.start(["run", "--config", scenario.configurationPath])
        let isTold = try await eventually {
            try await scenario.number(
                """
                SELECT (SELECT count(*) FROM remotes WHERE name = 'vg' AND parked_at IS NOT NULL AND read_failures > 0)
                    + (SELECT count(*) FROM outbox WHERE remote = 'voicebot' AND state = 'pending' AND attempts = 1)
                    + (SELECT count(*) FROM outbox WHERE remote = 'helpdesk' AND state = 'delivered' AND conversation_id = 'conv_456'
                        AND json_extract(body, '$.status') = 'closed')
                """) == 3
        }
        #expect(isTold)
    }

    /// Every line that the README shows is printed, in that order; `…` stands for any lines between.
    private func compare(
        _ command: String, in readme: Readme, _ scenario: ProgramScenario, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let arguments = command.split(separator: " ").dropFirst().map(String.init)
        let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
        let shown = readme.output(of: command)
        #expect(!shown.isEmpty, "the README does not show `\(command)`", sourceLocation: sourceLocation)
        var printed = result.output.split(separator: "\n", omittingEmptySubsequences: true).map { ComparableLine($0) }[...]
        var isAfterGap = false
        for line in shown where !line.isEmpty {
            if line.trimmingCharacters(in: .whitespaces) == "…" {
                isAfterGap = true
                continue
            }
            let wanted = ComparableLine(line)
            if isAfterGap { printed = printed.drop { $0 != wanted } }
            isAfterGap = false
            guard printed.first == wanted else {
                Issue.record("`\(command)` does not print: \(line)\nIt prints:\n\(result.output)", sourceLocation: sourceLocation)
                return
            }
            printed = printed.dropFirst()
        }
        #expect(isAfterGap || printed.isEmpty, "`\(command)` prints more:\n\(result.output)", sourceLocation: sourceLocation)
    }

    private func withHelp(_ command: [String]) async throws -> String {
        let result = try await ConvosyncProcess(ConvosyncProcess.path, command + ["--help"], environment: ConvosyncProcess.environment)
            .end()
        return result.output + result.errorOutput
    }
}
