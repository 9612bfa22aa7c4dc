import Foundation
import Sandbox
import Testing

/// Where the configuration is read from, how mistakes in it are reported, and exit codes of wrong usage.
@Suite(.serialized) struct CommandLineTests {
    @Test func `the configuration is named before or after the command, or by the environment`() async throws {
        try await withScenario { scenario in
            let path = scenario.configurationPath
            #expect(try await scenario.start(["--config", path, "status"]).end().exitCode == 0)
            #expect(try await scenario.start(["--config=\(path)", "status", "--json"]).end().exitCode == 0)
            #expect(try await scenario.start(["status", "--config", path]).end().exitCode == 0)
            #expect(try await scenario.start(["outbox", "list", "--config", path]).end().exitCode == 0)
            #expect(try await scenario.start(["--config", path, "outbox", "list"]).end().exitCode == 0)
            #expect(try await scenario.start(["status"], environment: ["CONVOSYNC_CONFIG": path]).end().exitCode == 0)
            // The last one counts.
            #expect(try await scenario.start(["--config", "/nowhere.toml", "status", "--config", path]).end().exitCode == 0)
            let later = try await scenario.start(["--config", path, "status", "--config=/nowhere.toml"]).end()
            #expect(later.exitCode == 78)
            // The option takes precedence over the environment.
            let other = try await scenario.start(["status", "--config", path], environment: ["CONVOSYNC_CONFIG": "/nowhere.toml"]).end()
            #expect(other.exitCode == 0)
            let missing = try await scenario.start(["status"], environment: ["CONVOSYNC_CONFIG": "/nowhere.toml"]).end()
            #expect(missing.exitCode == 78)
            #expect(missing.errorOutput.contains("/nowhere.toml"))
        }
    }

    @Test func `unknown keys and wrong values are reported all at once, with dotted path and line`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                configuration["schedule", "intervall"] = "\"1s\""
                configuration["remotes.vg", "concurency"] = "4"
                configuration["remotes.voicebot.status", "open"] = "\"doing\""
                configuration["retry", "base"] = "5"
                configuration["remotes.fin", "token_file"] = nil
                configuration.rest = "\n[extra]\nkey = 1\n"
            }
            for command in ["sync", "run", "plan", "map", "migrate", "check"] {
                let result = try await scenario.run(command)
                #expect(result.exitCode == 78, "\(command)")
                let said = result.errorOutput + result.output
                for path in [
                    "schedule.intervall", "remotes.vg.concurency", "remotes.voicebot.status.open", "retry.base", "remotes.fin", "extra",
                ] {
                    #expect(said.contains(path), "\(command) does not name \(path): \(said)")
                }
                #expect(said.contains("did you mean \"interval\""))
                #expect(said.contains("line "))
            }
        }
    }

    @Test func `a token in the configuration file is refused and not repeated`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                configuration["remotes.vg", "token_file"] = nil
                configuration["remotes.vg", "token"] = "\"s3cret-t0ken\""
            }
            let result = try await scenario.run("check")
            #expect(result.exitCode == 78)
            #expect(result.output.contains("remotes.vg.token"))
            #expect(!(result.output + result.errorOutput).contains("s3cret-t0ken"))
        }
    }

    @Test func `without a token file, commands that send end with 78 and name the file`() async throws {
        try await withScenario { scenario in
            try FileManager.default.removeItem(atPath: "\(scenario.directory)/token")
            for command in ["sync", "run", "check"] {
                let result = try await scenario.run(command)
                // The file is named in the form in which the program resolves it, which may differ in the number of slashes.
                let isNamed = (result.errorOutput + result.output).contains("\((scenario.directory as NSString).lastPathComponent)/token")
                #expect(result.exitCode == 78, "\(command): \(result.errorOutput)")
                #expect(isNamed, "\(command)")
            }
        }
    }

    @Test func `wrong usage exits with 64`() async throws {
        try await withScenario { scenario in
            for arguments in [
                ["syncc"], ["sync", "--drain", "soon"], ["sync", "--drain", "-1"], ["pause"], ["pause", "nobody"], ["outbox", "retry"],
                ["outbox", "discard"], ["outbox", "show"], ["outbox", "show", "999"], ["outbox", "list", "--state", "asleep"],
                ["outbox", "list", "--since", "yesterday"], ["status", "--verbose"],
            ] {
                let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                #expect(result.exitCode == 64, "\(arguments): \(result.errorOutput)")
                #expect(!result.errorOutput.isEmpty, "\(arguments)")
            }
        }
    }

    @Test func `help and version exit with 0`() async throws {
        try await withScenario { scenario in
            for arguments in [["--help"], ["--version"], ["help", "sync"], ["outbox", "list", "--help"]] {
                let result = try await scenario.start(arguments).end()
                #expect(result.exitCode == 0)
                #expect(!result.output.isEmpty)
            }
        }
    }

    @Test func `check finds no problem in a valid installation and sends nothing`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            let result = try await scenario.run("check", "--json")
            #expect(result.exitCode == 0)
            #expect(try result.json["ok"] == true)
            #expect(try result.json["findings"]?.array?.allSatisfy { $0["severity"]?.string != nil && $0["text"]?.string != nil } == true)
            #expect(scenario.requestCount() == 0)
        }
    }

    @Test func `output to a pipe has no colours`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            for arguments in [["status"], ["outbox", "list"], ["map"], ["check"], ["plan"], ["outbox", "show", "1"]] {
                let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                #expect(result.exitCode == 0)
                #expect(!result.output.contains("\u{1B}"), "\(arguments)")
                #expect(!result.output.isEmpty, "\(arguments)")
            }
        }
    }

    @Test(arguments: [["status", "--watch"], ["status", "--watch", "--json"]])
    func `a live view is refused without a terminal`(arguments: [String]) async throws {
        try await withScenario { scenario in
            let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
            #expect(result.exitCode == 64)
            #expect(result.output.isEmpty)
            #expect(result.errorOutput.contains("convosync status"))
        }
    }
}
