import Foundation
import Sandbox
import Testing

/// A failed start is an event of the log, in its format.
@Suite(.serialized) struct FailedStartTests {
    private func schema() throws -> SchemaCheck {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return SchemaCheck(
            schema: try SandboxJSON(text: try String(contentsOf: root.appending(path: "docs/log-events.schema.json"), encoding: .utf8)))
    }

    private func expectFailure(
        of command: String, exitCode: Int32, saying text: String, hint: String, _ scenario: ProgramScenario,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let process = try scenario.start([command, "--config", scenario.configurationPath])
        let result = try await process.end()
        #expect(result.exitCode == exitCode, sourceLocation: sourceLocation)
        #expect(result.errorOutput.contains(text), "\(result.errorOutput)", sourceLocation: sourceLocation)
        let event = try #require(process.events("service.failed").first, "\(result.output)", sourceLocation: sourceLocation)
        #expect(process.events("service.failed").count == 1, sourceLocation: sourceLocation)
        #expect(try schema().problems(event) == [], "\(event.text)", sourceLocation: sourceLocation)
        #expect(event["command"]?.string == command, sourceLocation: sourceLocation)
        #expect(event["exit_code"] == .integer(Int(exitCode)), sourceLocation: sourceLocation)
        #expect(event["error"]?.string?.contains(text) == true, "\(event.text)", sourceLocation: sourceLocation)
        #expect(event["hint"]?.string.map { hint.isEmpty || $0.contains(hint) } == true, "\(event.text)", sourceLocation: sourceLocation)
    }

    @Test(arguments: ["run", "sync"])
    func `a wrong configuration, a missing token and an unusable database are logged with the exit code`(command: String) async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.vg", "concurency"] = "1" }
            try await expectFailure(of: command, exitCode: 78, saying: "remotes.vg.concurency", hint: "convosync check", scenario)
            try scenario.configure { ($0["remotes.vg", "concurency"], $0["remotes.vg", "token_file"]) = (nil, "\"nowhere\"") }
            try await expectFailure(of: command, exitCode: 78, saying: "does not exist", hint: "convosync check", scenario)
            try scenario.configure {
                $0["remotes.vg", "token_file"] = "\"token\""
                $0["database", "path"] = "\"no/such/directory/convosync.db\""
            }
            try await expectFailure(of: command, exitCode: 69, saying: "convosync.db", hint: "", scenario)
        }
    }

    @Test func `an address in use is logged with the exit code`() async throws {
        let other = try RawServer { _ in .json(200, [], "{}") }
        let address = other.url.dropFirst("http://".count)
        try await withScenario({
            $0["listen", "address"] = "\"\(address)\""
            $0["remotes.vg.webhook", "secret_file"] = "\"token\""
        }) { scenario in
            try await expectFailure(of: "run", exitCode: 78, saying: "another program listens there", hint: "convosync check", scenario)
        }
    }

    @Test func `a configuration file that cannot be read leaves the default log format`() async throws {
        try await withScenario { scenario in
            try scenario.write("[log\nformat = \"json\"", to: "convosync.toml")
            for (path, text) in [(scenario.configurationPath, "not valid TOML"), ("\(scenario.directory)/nothing.toml", "does not exist")] {
                let result = try await scenario.start(["run", "--config", path]).end()
                #expect(result.exitCode == 78)
                let lines = result.output.split(separator: "\n")
                #expect(lines.count == 1)
                #expect(lines.first?.contains(" level=error event=service.failed command=run error=") == true, "\(result.output)")
                #expect(lines.first?.contains(text) == true)
                #expect(result.errorOutput.contains(text))
            }
        }
    }

    @Test func `the journal gets one line, and any other standard error gets a text as well`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.vg", "concurency"] = "1" }
            let script = """
                touch journal
                JOURNAL_STREAM=$(stat -c %d:%i journal) "$0" run --config convosync.toml >>journal 2>>"$1"
                """
            for (file, count) in [("journal", 1), ("other", 1)] {
                let process = Process()
                process.executableURL = URL(filePath: "/bin/sh")
                process.arguments = ["-c", script, ConvosyncProcess.path, file]
                process.currentDirectoryURL = URL(filePath: scenario.directory)
                try process.run()
                process.waitUntilExit()
                #expect(process.terminationStatus == 78)
                let journal = try String(contentsOfFile: "\(scenario.directory)/journal", encoding: .utf8)
                #expect(journal.split(separator: "\n").count == count, "\(journal)")
                #expect(journal.hasPrefix("<3>{\"ts\":"), "\(journal)")
                try FileManager.default.removeItem(atPath: "\(scenario.directory)/journal")
            }
            let text = try String(contentsOfFile: "\(scenario.directory)/other", encoding: .utf8)
            #expect(text.contains("convosync: configuration: "), "\(text)")
        }
    }

    @Test func `with --json the log has priorities if standard error is the journal, and no others`() async throws {
        try await withScenario { scenario in
            let journal = "\(scenario.directory)/journal"
            let script = """
                touch '\(journal)'
                JOURNAL_STREAM=$(stat -c %d:%i '\(journal)') \
                    '\(ConvosyncProcess.path)' sync --json --config '\(scenario.configurationPath)' 2>>'\(journal)'
                """
            try await scenario.addConversations(1...1)
            let synced = try await scenario.startShell(script).end()
            #expect(synced.exitCode == 0, "\(synced.output)")
            #expect(try synced.json["delivered"] != nil)
            let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
            #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix("<") }, "\(lines)")
            try FileManager.default.removeItem(atPath: journal)
            try scenario.configure { $0["remotes.vg", "concurency"] = "1" }
            #expect(try await scenario.startShell(script).end().exitCode == 78)
            let failed = try String(contentsOfFile: journal, encoding: .utf8)
            #expect(failed.hasPrefix("<3>") && failed.split(separator: "\n").count == 1, "\(failed)")
            // Standard output is the journal, and the log goes to standard error.
            let other = script.replacingOccurrences(of: "2>>", with: ">>")
            let result = try await scenario.startShell(other).end()
            #expect(result.errorOutput.contains("service.failed") && !result.errorOutput.contains("<3>"), "\(result.errorOutput)")
        }
    }
}
