import Foundation
import Sandbox
import Testing

/// Shell completion, by the program's own interface and by a real bash.
@Suite(.serialized) struct CompletionTests {
    /// Asks in the same way as the generated scripts.
    private func offers(
        _ scenario: ProgramScenario, _ command: [String], _ argument: String, line: [String], environment: [String: String] = [:]
    ) async throws -> [String] {
        let result = try await scenario.start(
            ["---completion"] + command + ["--", argument, "\(line.count - 1)", "\(line.last?.count ?? 0)"] + line,
            environment: environment
        ).end()
        #expect(result.exitCode == 0)
        #expect(result.errorOutput.isEmpty, "\(result.errorOutput)")
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test func `remotes, conversations and rows come from the database that the typed options name`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.write("INSERT INTO conversations (id) VALUES ('desk_1'), ('desk_2'), ('des_3'), ('desl')")
            let config = ["--config", scenario.configurationPath]
            let explain = ["convosync", "explain"] + config
            #expect(try await offers(scenario, ["explain"], "positional@0", line: explain + ["desk"]) == ["desk_1", "desk_2"])
            #expect(try await offers(scenario, ["explain"], "positional@0", line: explain + ["'desk"]) == ["desk_1", "desk_2"])
            #expect(try await offers(scenario, ["explain"], "positional@0", line: explain + [""]).count == 7)
            #expect(try await offers(scenario, ["explain"], "positional@0", line: explain + ["x"]) == [])
            let pause = ["convosync", "pause", "--config", "=", scenario.configurationPath, "v"]
            #expect(try await offers(scenario, ["pause"], "positional@0", line: pause) == ["vg", "voicebot"])
            #expect(try await offers(scenario, ["outbox", "list"], "--remote", line: ["convosync"] + config + ["h"]) == ["helpdesk"])

            try scenario.world.setFaults([FaultRule(.status)], on: "vg")
            try await scenario.sync(expecting: 75)
            let all = try await scenario.texts("SELECT id FROM outbox ORDER BY id DESC")
            let show = ["convosync", "outbox", "show"] + config + [""]
            #expect(try await offers(scenario, ["outbox", "show"], "positional@0", line: show) == all)
            let waiting = try await scenario.texts("SELECT id FROM outbox WHERE state = 'pending' ORDER BY id DESC")
            #expect(!waiting.isEmpty && waiting.count < all.count)
            let retry = ["convosync", "outbox", "retry"] + config + [""]
            #expect(try await offers(scenario, ["outbox", "retry"], "positional@0", line: retry) == waiting)
        }
    }

    @Test func `the environment names the file, and a typed option takes precedence`() async throws {
        try await withScenario { scenario in
            let environment = ["CONVOSYNC_CONFIG": scenario.configurationPath]
            let typed = ["convosync", "pause", "vo"]
            let fromEnvironment = try await offers(scenario, ["pause"], "positional@0", line: typed, environment: environment)
            #expect(fromEnvironment == ["voicebot"])
            let other = ["convosync", "pause", "--config", "\(scenario.directory)/none.toml", "vo"]
            let fromOther = try await offers(scenario, ["pause"], "positional@0", line: other, environment: environment)
            #expect(fromOther == [])
        }
    }

    @Test func `completion works with mistakes in the file, offers nothing if it is not TOML, and prints no error`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.write("nonsense = 1\n[database]\npath = \"convosync.db\"\n[remotes.vg]\nkind = \"vgg\"\n", to: "broken.toml")
            try scenario.write("[database\n", to: "worse.toml")
            let line = ["convosync", "explain", "--config", "\(scenario.directory)/broken.toml", "c"]
            #expect(try await offers(scenario, ["explain"], "positional@0", line: line) == ["c1"])
            let pause = ["convosync", "pause", "--config", "\(scenario.directory)/broken.toml", ""]
            #expect(try await offers(scenario, ["pause"], "positional@0", line: pause) == ["vg"])
            let worse = ["convosync", "explain", "--config", "\(scenario.directory)/worse.toml", ""]
            #expect(try await offers(scenario, ["explain"], "positional@0", line: worse) == [])
        }
    }

    @Test func `completion creates no database`() async throws {
        try await withScenario { scenario in
            try scenario.write("[database]\npath = \"new.db\"\n", to: "new.toml")
            let line = ["convosync", "explain", "--config", "\(scenario.directory)/new.toml", ""]
            #expect(try await offers(scenario, ["explain"], "positional@0", line: line) == [])
            #expect(!FileManager.default.fileExists(atPath: "\(scenario.directory)/new.db"))
        }
    }

    @Test func `at most a hundred ids are offered, and none with characters that would break the line`() async throws {
        try await withScenario { scenario in
            try await scenario.write(
                """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO conversations (id) SELECT printf('many_%05d', i) FROM n
                """)
            try await scenario.write("INSERT INTO conversations (id) VALUES ('odd' || char(10) || 'line'), ('odd one')")
            let config = ["convosync", "explain", "--config", scenario.configurationPath]
            let many = try await offers(scenario, ["explain"], "positional@0", line: config + ["many_0"])
            #expect(many.count == 100)
            #expect(many.first == "many_00001")
            #expect(try await offers(scenario, ["explain"], "positional@0", line: config + ["odd"]) == ["odd one"])
        }
    }

    @Test func `bash completes commands, remotes, states and conversations with the generated script`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            let script = try await scenario.start(["--generate-completion-script", "bash"]).end()
            try scenario.write(script.output, to: "completion.bash")
            // Calls the completion function as readline does when TAB is pressed after the last word.
            func complete(_ line: String) async throws -> Set<String> {
                let words = line.split(separator: " ", omittingEmptySubsequences: false).map { "'\($0)'" }
                let run = """
                    source '\(scenario.directory)/completion.bash'
                    convosync() { '\(ConvosyncProcess.path)' "$@"; }
                    COMP_WORDS=(\(words.joined(separator: " "))) COMP_LINE='\(line)'
                    COMP_POINT=${#COMP_LINE} COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
                    _convosync convosync "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
                    printf '%s\\n' "${COMPREPLY[@]}"
                    """
                let result = try await scenario.startShell(run).end()
                return Set(result.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
            }
            let config = "--config \(scenario.configurationPath)"
            #expect(try await complete("convosync mig").contains("migrate"))
            #expect(try await complete("convosync pause \(config) v") == ["vg", "voicebot"])
            #expect(try await complete("convosync outbox list --state de") == ["dead", "delivered"])
            #expect(try await complete("convosync outbox list --held-by b") == ["brake"])
            #expect(try await complete("convosync explain \(config) c") == ["c1", "c2"])
            #expect(try await complete("convosync init --remote v") == ["vg", "voicebot"])
        }
    }
}
