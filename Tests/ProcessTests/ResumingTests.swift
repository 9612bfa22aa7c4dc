import Sandbox
import Testing

/// `pause` and `resume` report what they did, and `resume --now` makes everything that waits due at once.
@Suite(.serialized) struct ResumingTests {
    private func refusal(_ status: Int) -> FaultRule {
        var rule = FaultRule(.status)
        rule.status = status
        return rule
    }

    @Test func `pause and resume report what they changed, with --json as well`() async throws {
        try await withScenario { scenario in
            let paused = try await scenario.run("pause", "vg", "--json").json
            let pausedAt = try #require(paused["paused_at"]?.string)
            #expect(paused == ["remote": "vg", "paused_at": .string(pausedAt), "was_paused": false])
            #expect(try await scenario.run("pause", "vg", "--json").json["was_paused"] == true)
            #expect(try await scenario.run("pause", "vg").output == "vg is paused already, since \(pausedAt)\n")
            #expect(try await scenario.run("resume", "vg").output == "vg is resumed: lifted the pause (\(pausedAt))\n")
            #expect(try await scenario.run("resume", "vg").output == "vg was neither paused nor throttled\n")
            #expect(
                try await scenario.run("resume", "vg", "--json").json == ["remote": "vg", "now": false, "lifted": [], "remaining": []])
        }
    }

    @Test func `resume reports what still holds the remote: parked or disabled`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([refusal(401)], on: "vg")
            try await scenario.sync(expecting: 75)
            try scenario.configure { $0["remotes.vg", "enabled"] = "false" }
            #expect(try await scenario.run("pause", "vg").exitCode == 0)
            let resumed = try await scenario.run("resume", "vg", "--json").json
            #expect(resumed["lifted"]?.array?.map { $0["hold"] } == ["pause"])
            #expect(resumed["remaining"]?.array?.map { $0["hold"] } == ["disabled", "park"])
            #expect(resumed["remaining"]?.array?.last?["reason"]?.string?.contains("401") == true)
            let text = try await scenario.run("resume", "vg").output
            #expect(text.contains("but it is disabled in the configuration"))
            #expect(text.contains("but it is parked ("))
            #expect(text.contains("401"))
        }
    }

    @Test func `resume --now makes a running daemon call a remote whose breaker is open and whose rows wait`() async throws {
        try await withScenario({ configuration in
            // Nothing would be attempted by itself during this test.
            configuration["retry", "base"] = "\"10m\""
            configuration["retry", "cap"] = "\"10m\""
            configuration["remotes.vg.breaker", "pause"] = "\"10m\""
            configuration["remotes.vg.breaker", "max_pause"] = "\"10m\""
            configuration["remotes.vg.breaker", "min_sample"] = "2"
            // Failures of calls that are in flight together lower the concurrency first.
            configuration["remotes.vg", "concurrency"] = "1"
        }) { scenario in
            try await scenario.addConversations(1...4)
            try scenario.world.setFaults([refusal(503)], on: "vg")
            let daemon = try await scenario.startDaemon()
            try await daemon.event("breaker.opened") { $0["remote"] == "vg" }
            #expect(try await eventually { try await scenario.run("status", "--json").json["remotes"]?["vg"]?["breaker"] == "open" })
            try scenario.world.setFaults([], on: "vg")
            let before = scenario.requestCount("vg")

            let plain = try await scenario.run("resume", "vg").output
            #expect(plain.contains("vg was neither paused nor throttled"))
            #expect(plain.contains("but its breaker is open"))
            #expect(plain.contains("`convosync resume --now vg`"))
            let json = try await scenario.run("resume", "vg", "--json").json
            #expect(json["remaining"]?.array?.first?["hold"] == "breaker")
            #expect(scenario.requestCount("vg") == before, "a plain resume leaves the breaker alone")

            let now = try await scenario.run("resume", "--now", "vg", "--json").json
            #expect(now["now"] == true)
            #expect(now["lifted"]?.array?.first?["hold"] == "breaker")
            try await daemon.event("breaker.closed") { $0["remote"] == "vg" }
            #expect(try await scenario.remainingDifferences() == [])
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `resume --now makes rows due that wait for their next attempt`() async throws {
        try await withScenario({ configuration in
            configuration["retry", "base"] = "\"10m\""
            configuration["retry", "cap"] = "\"10m\""
        }) { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([refusal(500)], on: "vg")
            let daemon = try await scenario.startDaemon()
            #expect(
                try await eventually {
                    try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts = 1 AND remote = 'vg'") == 2
                })
            try scenario.world.setFaults([], on: "vg")
            let waiting = try await scenario.run("resume", "vg").output
            #expect(waiting.contains("but 2 rows wait for the next attempt, the first 20"))
            let lifted = try await scenario.run("resume", "vg", "--now").output
            #expect(lifted == "vg is resumed: lifted the wait of 2 rows for the next attempt\n")
            #expect(try await scenario.remainingDifferences() == [])
            #expect(!daemon.hasEnded)
        }
    }
}
