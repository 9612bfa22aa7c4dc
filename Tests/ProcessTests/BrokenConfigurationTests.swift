import Foundation
import Sandbox
import Testing

/// With a broken configuration file, the database can still be inspected and its rows managed.
@Suite(.serialized) struct BrokenConfigurationTests {
    /// Texts that break the file in different ways.
    private static let mistakes = [
        "\n[schedulee]\ninterval = \"1s\"\n", "\n[remotes.vg.status]\nopen = \"doing\"\n", "\nnonsense\n", "\n[remotes.vg\nx = 1\n",
    ]

    /// One conversation, a dead row of vg, and then the mistake.
    private func withBroken(_ mistake: String, _ body: (ProgramScenario) async throws -> Void) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            var rule = FaultRule(.status)
            rule.status = 422
            try scenario.world.setFaults([rule], on: "vg")
            try await scenario.sync(expecting: 65)
            try scenario.world.setFaults([], on: "vg")
            try scenario.configure { $0.rest = mistake }
            try await body(scenario)
        }
    }

    private func expect(_ result: ConvosyncProcess.Result, _ code: Int32, _ scenario: ProgramScenario) {
        #expect(result.exitCode == code, "\(result.output) \(result.errorOutput)")
        #expect(result.errorOutput.contains("\(scenario.configurationPath) is broken"))
        #expect(result.errorOutput.contains("line "))
        #expect(result.errorOutput.contains("convosync check"))
    }

    @Test(arguments: mistakes)
    func `status, explain, outbox, pause and resume work, and report the mistakes on standard error`(mistake: String) async throws {
        try await withBroken(mistake) { scenario in
            let status = try await scenario.run("status", "--json")
            expect(status, 0, scenario)
            #expect(try status.json["remotes"]?["vg"]?["dead"] != 0)
            #expect(try status.json["remotes"]?.object?.count == 4)
            let explained = try await scenario.run("explain", "c1", "--json")
            expect(explained, 0, scenario)
            #expect(try explained.json["remotes"]?["vg"]?["outbox"]?.array?.isEmpty == false)
            #expect(try explained.json["remotes"]?.object?.count == 4)
            let differences = try await scenario.run("diff", "--json")
            expect(differences, 0, scenario)
            #expect(try differences.json["undecided"]?.strings?.contains("vg") == true || differences.json["count"] != 0)
            #expect(!(try await scenario.run("diff").output.contains("nothing differs")))
            let list = try await scenario.run("outbox", "list", "--remote", "vg", "--state", "dead", "--json")
            expect(list, 0, scenario)
            let id = try #require(try list.json["rows"]?[0]?["id"]?.integer)
            expect(try await scenario.run("outbox", "show", "\(id)"), 0, scenario)
            expect(try await scenario.run("pause", "vg"), 0, scenario)
            #expect(try await scenario.number("SELECT count(*) FROM remotes WHERE name = 'vg' AND paused_at IS NOT NULL") == 1)
            expect(try await scenario.run("resume", "vg"), 0, scenario)
            expect(try await scenario.run("outbox", "discard", "\(id)"), 0, scenario)
            #expect(try await scenario.text("SELECT state FROM outbox WHERE id = ?", [id]) == "discarded")
            // Exit codes mean the same as always.
            expect(try await scenario.run("outbox", "show", "4711"), 64, scenario)
            expect(try await scenario.run("pause", "nosuch"), 64, scenario)
            // Commands that plan or send need the whole file.
            for command in ["plan", "sync", "run", "map"] {
                let result = try await scenario.run(command)
                #expect(result.exitCode == 78, "\(command)")
            }
        }
    }

    @Test func `explain predicts nothing for a remote whose table has mistakes, and shows what was sent`() async throws {
        try await withBroken(Self.mistakes[1]) { scenario in
            let text = try await scenario.run("explain", "c1", "--all").output
            let parts = text.components(separatedBy: "\n\n")
            let vg = try #require(parts.first { $0.hasPrefix("vg ") })
            #expect(vg.contains("next: not known: the configuration of this remote has mistakes; `convosync check` lists them"))
            #expect(!vg.contains("DECISION"))
            #expect(vg.contains("outbox "))
            #expect(parts.first { $0.hasPrefix("helpdesk ") }?.contains("DECISION") == true)
        }
    }

    @Test func `check looks at the other lines of a file that is not TOML, at tokens and at the database`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                configuration["remotes.vg", "concurency"] = "4"
                configuration["remotes.voicebot", "token_file"] = "\"nowhere\""
                configuration.rest = "\nnonsense\n"
            }
            let result = try await scenario.run("check")
            #expect(result.exitCode == 78)
            for text in ["not valid TOML", "remotes.vg.concurency: unknown key", "nowhere: the file does not exist", "journal_mode="] {
                #expect(result.output.contains(text), "\(text) in \(result.output)")
            }
        }
    }

    @Test func `only the first problems are listed`() async throws {
        try await withBroken("\n[a]\n[b]\n[c]\n[d]\n[e]\n") { scenario in
            let result = try await scenario.run("status")
            #expect(result.errorOutput.split(separator: "\n").count == 5)
            #expect(result.errorOutput.contains("… and 2 more: convosync check"))
        }
    }

    @Test func `commands end with 78 if the file does not name the database, or does not exist`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["database", "path"] = nil }
            for arguments in [["status"], ["explain", "c1"], ["outbox", "list"], ["pause", "vg"], ["resume", "vg"]] {
                let nameless = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                #expect(nameless.exitCode == 78, "\(arguments)")
                #expect(nameless.errorOutput.contains("database.path"))
                let missing = try await scenario.start(arguments + ["--config", "\(scenario.directory)/nosuch.toml"]).end()
                #expect(missing.exitCode == 78, "\(arguments)")
            }
        }
    }
}
