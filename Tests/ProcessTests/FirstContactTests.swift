import Foundation
import Sandbox
import Testing

/// From nothing to a working service, with only the program's own output as instructions.
@Suite(.serialized) struct FirstContactTests {
    @Test func `after init, check names the missing parts one after the other`() async throws {
        try await withScenario { scenario in
            let path = "\(scenario.directory)/new/convosync.toml"
            func check() async throws -> ConvosyncProcess.Result { try await scenario.start(["check", "--config", path]).end() }

            let nothing = try await check()
            #expect(nothing.exitCode == 78)
            #expect(nothing.output.contains("convosync init --remote"))

            let written = try await scenario.start(
                ["init", "--config", path, "--remote", "vg", "--remote", "sales=vg", "--database", "\(scenario.directory)/none/x.db"]
            ).end()
            #expect(written.exitCode == 0, "\(written.errorOutput)")
            #expect(written.output.contains("install -m 0640 /dev/stdin"))
            #expect(written.output.contains("convosync check --online --config \(path)\n"))
            #expect(written.output.contains("convosync run --config \(path)\n"))
            #expect(written.output.contains("in \(path): remotes.vg.url, remotes.vg.agent_id, remotes.sales.url, remotes.sales.agent_id\n"))

            let fresh = try await check()
            #expect(fresh.exitCode == 78)
            for expected in [
                "vg.token: the file does not exist", "sales.token", "still has the values of the example", "nor does its directory",
            ] {
                #expect(fresh.output.contains(expected), "\(expected) in \(fresh.output)")
            }

            for name in ["vg", "sales"] { try scenario.write("sandbox-token", to: "new/\(name).token") }
            #expect(try await check().exitCode == 69)
            try FileManager.default.createDirectory(atPath: "\(scenario.directory)/none", withIntermediateDirectories: false)
            #expect(try await check().exitCode == 0)

            let again = try await scenario.start(["init", "--config", path, "--remote", "fin"]).end()
            #expect(again.exitCode == 78)
            #expect(again.errorOutput.contains("exists already and is left as it is"))
        }
    }

    @Test func `init writes to standard output on request, and refuses an invalid remote`() async throws {
        try await withScenario { scenario in
            let shown = try await scenario.start(["init", "--remote", "helpdesk", "--path", "-"]).end()
            #expect(shown.exitCode == 0)
            #expect(shown.output.contains("[remotes.helpdesk]"))
            for arguments in [["init"], ["init", "--remote", "helpdesc"], ["init", "--remote", "vg", "--remote", "vg"]] {
                #expect(try await scenario.start(arguments).end().exitCode == 64, "\(arguments)")
            }
        }
    }

    @Test func `init --json names the file and the remaining steps, with normalized paths`() async throws {
        try await withScenario { scenario in
            let path = "\(scenario.directory)/./new//convosync.toml"
            let result = try await scenario.start(
                ["init", "--json", "--path", path, "--remote", "fin", "--remote", "sales=vg", "--database", "\(scenario.directory)/./x.db"]
            ).end()
            let folder = "\(scenario.directory)/new"
            let json = try result.json
            #expect(json["path"]?.string == "\(folder)/convosync.toml")
            #expect(json["database"]?.string == "\(scenario.directory)/x.db")
            #expect(json["fill_in"] == ["remotes.sales.url", "remotes.sales.agent_id"])
            #expect(
                json["remotes"]?.array?.last == [
                    "name": "sales", "kind": "vg", "token_file": .string("\(folder)/sales.token"),
                    "webhook_secret_file": .string("\(folder)/sales.webhook-secret"),
                ])
            #expect(
                json["next"]?.strings == [
                    "convosync check --online --config \(folder)/convosync.toml", "convosync run --config \(folder)/convosync.toml",
                ])
            let text = try String(contentsOfFile: "\(folder)/convosync.toml", encoding: .utf8)
            #expect(!text.contains("/./") && !text.contains("//x") && text.contains("\(scenario.directory)/x.db"))
            #expect(try await scenario.start(["init", "--json", "--path", "-", "--remote", "vg"]).end().exitCode == 64)
        }
    }

    @Test func `check --online sends only harmless calls, and says where it cannot`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let before = try await scenario.run("check", "--online")
            #expect(before.exitCode == 0, "\(before.output)")
            #expect(before.output.contains("none is known yet"))
            #expect(before.output.contains("Fin's interface has no call that reads"))
            for remote in ["voicebot", "vg"] { #expect(before.output.contains("remotes.\(remote), asked with GET")) }
            #expect(scenario.requestCount("fin") == 0 && scenario.requestCount("helpdesk") == 0)
            #expect(scenario.world.requests().allSatisfy { $0.method == "GET" })

            try await scenario.sync()
            let after = try await scenario.run("check", "--online")
            #expect(after.output.contains("remotes.helpdesk, asked with POST /get_conversation, accepts the token"), "\(after.output)")
        }
    }

    @Test func `init writes a file that the service's group can read, whatever the umask is`() async throws {
        try await withScenario { scenario in
            let path = "\(scenario.directory)/new.toml"
            let result = try await scenario.startShell("umask 077; '\(ConvosyncProcess.path)' init --remote vg --path '\(path)'").end()
            #expect(result.exitCode == 0, "\(result.errorOutput)")
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o640)
        }
    }
}
