import Foundation
import Sandbox
import Testing

/// Extreme values in the configuration, and mistakes of different kinds at once.
@Suite(.serialized) struct ConfigurationLimitTests {
    private static let tables = [
        ("schedule", ["interval", "debounce", "stall", "shutdown_timeout"]), ("retry", ["base", "cap", "max_age"]),
        ("retention", ["max_age", "dead_age"]), ("remotes.vg", ["probe_interval"]), ("remotes.fin", ["reply_hold"]),
        ("remotes.vg.breaker", ["window", "pause", "max_pause"]), ("remotes.vg.poll", ["interval"]),
    ]

    @Test(arguments: ["26000000000d", "36501d", "99999999999999999999999d", "9223372036854775807ms", "106751991167d7h12m55s808ms"])
    func `a duration beyond the limit is refused with key, line and limit`(text: String) async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                for (table, keys) in Self.tables {
                    for key in keys { configuration[table, key] = "\"\(text)\"" }
                }
            }
            for command in ["check", "sync", "run"] {
                let result = try await scenario.run(command)
                #expect(result.exitCode == 78, "\(command): \(result.output) \(result.errorOutput)")
                let lines = (result.output + result.errorOutput).split(separator: "\n")
                for (table, keys) in Self.tables {
                    for key in keys {
                        let line = try #require(
                            lines.first { $0.contains(" \(table).\(key): ") }, "\(command) does not name \(table).\(key)")
                        #expect(line.contains("line ") && line.contains("too long, at most 36500d"))
                    }
                }
            }
        }
    }

    @Test func `sizes and rates beyond their limits are refused as well`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                configuration["remotes.vg", "max_response_size"] = "\"8388607GiB\""
                configuration["remotes.fin", "max_response_size"] = "\"99999999999999999999GiB\""
                configuration["remotes.vg", "rate"] = "\"99999999999999999999/s\""
                configuration["remotes.fin", "rate"] = "\"1000001/h\""
            }
            let output = try await scenario.run("check").output
            for key in ["vg.max_response_size", "fin.max_response_size"] {
                #expect(output.contains("remotes.\(key): \"") && output.contains("at most 1GiB"))
            }
            for key in ["vg.rate", "fin.rate"] { #expect(output.contains("remotes.\(key): ")) }
            #expect(output.contains("1 to 1000000 calls"))
            let drain = try await scenario.run("sync", "--drain", "86400001")
            #expect(drain.exitCode == 64)
            #expect(drain.errorOutput.contains("86400000"))
        }
    }

    @Test func `with every duration at its limit the service works and stops`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                for (table, keys) in Self.tables {
                    for key in keys { configuration[table, key] = "\"36500d\"" }
                }
                // A change has to be detected, and a message to be sent.
                configuration["schedule", "debounce"] = "\"20ms\""
            }
            #expect(try await scenario.run("check").exitCode == 0)
            try await scenario.addConversations(1...3)
            try await scenario.addMessage("m1", to: "c1")
            var failure = FaultRule(.status, times: 2)
            failure.status = 500
            var refusal = FaultRule(.status, times: 1)
            refusal.status = 401
            try scenario.world.setFaults([failure], on: "vg")
            try scenario.world.setFaults([refusal], on: "voicebot")
            let daemon = try await scenario.startDaemon()
            _ = try await scenario.requests("fin", reach: 1)
            _ = try await scenario.requests("vg", reach: 3)
            _ = try await scenario.requests("voicebot", reach: 1)
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            for command in ["status", "plan", "explain"] {
                let arguments = command == "explain" ? [command, "c1"] : [command]
                #expect(try await scenario.start(arguments + ["--config", scenario.configurationPath]).end().exitCode == 0)
            }
            #expect(
                try await scenario.start(["outbox", "list", "--since", "99999999999999999d", "--config", scenario.configurationPath]).end()
                    .exitCode == 0)
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
        }
    }

    @Test func `mistakes of every kind are reported at once`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                configuration["schedule", "intervall"] = "\"1s\""
                configuration["remotes.vg", "token_file"] = "\"missing.token\""
                configuration["remotes.vg", "url"] = "\"ftp://vg.example.com\""
                configuration["remotes.helpdesk", "token_file"] = "\"empty.token\""
                configuration["remotes.fin", "kind"] = "\"finn\""
                configuration["remotes.fin", "token_file"] = "\"other.token\""
                configuration["remotes.voicebot.status", "closed"] = "\"in-progress\""
                configuration["remotes.voicebot.webhook", "secret_file"] = "\"missing.secret\""
                configuration["listen", "address"] = "\"127.0.0.1:0\""
            }
            try scenario.write("\n", to: "empty.token")
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE links SET remote_id = 'seventeen' WHERE remote = 'voicebot'")
            let said = [
                "schedule.intervall", "remotes.vg.url", "remotes.fin.kind", "missing.token", "empty.token", "other.token", "missing.secret",
            ]
            for command in ["check", "sync", "run"] {
                let result = try await scenario.run(command)
                #expect(result.exitCode == 78)
                let text = result.output + result.errorOutput
                for part in said { #expect(text.contains(part), "\(command) does not say \(part): \(text)") }
                #expect(text.contains("remotes.voicebot.status: contradicts itself"))
            }
            let check = try await scenario.run("check")
            #expect(check.output.contains("database: ") && check.output.contains("1 rows of links for voicebot"))
            #expect(!check.output.contains("links name remotes that are not configured"))
            let findings = try #require(try await scenario.run("check", "--json").json["findings"]?.array)
            #expect(Set(findings.compactMap { $0["area"]?.string }) == ["configuration", "credentials", "database"])
            // Commands that need no token do not report it.
            #expect(!(try await scenario.run("status").errorOutput.contains("missing.token")))
        }
    }
}
