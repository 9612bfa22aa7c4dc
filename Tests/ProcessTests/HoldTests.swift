import Foundation
import Sandbox
import Testing

/// Remotes that are held, and what ends the hold while the daemon runs: within about a second, not with the next interval.
@Suite(.serialized) struct HoldTests {
    private func refusal(_ status: Int) -> FaultRule {
        var rule = FaultRule(.status)
        rule.status = status
        return rule
    }

    @Test func `a replaced token is used at once, even by a remote that is not parked`() async throws {
        try await withScenario { scenario in
            try scenario.write("sandbox-token", to: "vg.token")
            try scenario.configure { $0["remotes.vg", "token_file"] = "\"vg.token\"" }
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try await scenario.request("vg", containing: "revision 0 of c1")
            try scenario.world.setOptions(on: "vg") { $0.token = "rotated-token" }
            let rotatedAt = ContinuousClock.now
            try scenario.write("rotated-token", to: "vg.token")
            try await daemon.event("credential.changed") { $0["remote"] == "vg" }
            #expect(ContinuousClock.now - rotatedAt < .seconds(20))
            try await scenario.setTitle("after the rotation", of: "c1")
            let request = try await scenario.request("vg", containing: "after the rotation")
            #expect(request.isAuthorized)
            #expect(try await scenario.remainingDifferences() == [])
            #expect(!daemon.events.contains { $0["event"] == "remote.parked" })
        }
    }

    @Test func `a file without a token changes nothing except for a log line`() async throws {
        try await withScenario { scenario in
            try scenario.write("sandbox-token", to: "vg.token")
            try scenario.configure { $0["remotes.vg", "token_file"] = "\"vg.token\"" }
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try scenario.write("", to: "vg.token")
            let event = try await daemon.event("credential.rejected")
            #expect(event["remote"] == "vg")
            try await scenario.setTitle("with the former token", of: "c1")
            try await scenario.request("vg", containing: "with the former token")
        }
    }

    @Test func `resume probes a parked remote at once, although it was not paused`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([refusal(401)], on: "vg")
            let daemon = try await scenario.startDaemon()
            try await daemon.event("remote.parked") { $0["remote"] == "vg" }
            try scenario.world.setFaults([], on: "vg")
            // The first probe would go out ten seconds after the refusal.
            let resumedAt = ContinuousClock.now
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            try await daemon.event("remote.resumed") { $0["remote"] == "vg" }
            #expect(ContinuousClock.now - resumedAt < .seconds(9))
            #expect(try await scenario.remainingDifferences() == [])
        }
    }

    @Test func `a reload probes a parked remote at once`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([refusal(403)], on: "vg")
            let daemon = try await scenario.startDaemon()
            try await daemon.event("remote.parked") { $0["remote"] == "vg" }
            try scenario.world.setFaults([], on: "vg")
            daemon.send(SIGHUP)
            try await daemon.event("remote.resumed") { $0["remote"] == "vg" }
            #expect(try await scenario.remainingDifferences() == [])
        }
    }

    @Test func `an accepted message that used up the quota pauses the remote until the reset, and is reported once`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.fin", "concurrency"] = "1" }
            try await scenario.addConversations(1...3)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            // Fin's reset is in whole seconds.
            var rule = FaultRule(.status, times: 1)
            rule.status = 200
            rule.body = ["conversation_id": "c1", "status": "thinking"]
            rule.rateLimitResetSeconds = 12
            try scenario.world.setFaults([rule], on: "fin")
            for number in 1...3 { try await scenario.addMessage("m\(number)", to: "c\(number)", body: "message \(number)") }
            try await daemon.event("remote.throttled") { $0["remote"] == "fin" }
            let status = try await scenario.run("status", "--json").json["remotes"]?["fin"]
            #expect(status?["throttled_until"]?.string != nil)
            let requests = try await scenario.requests("fin", reach: 3)
            #expect(requests[1].arrivedAt.milliseconds - requests[0].arrivedAt.milliseconds >= 10_900)
            #expect(try await scenario.settle())
            #expect(daemon.events.filter { $0["event"] == "remote.throttled" }.count == 1)
            let attempts = try await scenario.texts("SELECT attempts || ' ' || state FROM outbox WHERE remote = 'fin'")
            #expect(attempts == ["1 delivered", "1 delivered", "1 delivered"])
        }
    }

    @Test func `pause and resume take effect within a second, even while a run waits for a remote that hangs`() async throws {
        try await withScenario { scenario in
            // A run would wait twelve seconds for a slow remote, and half a minute for a hanging one.
            try scenario.configure { configuration in
                configuration["schedule", "stall"] = "\"10s\""
                configuration["remotes.vg", "timeouts"] = "{ connect = \"2s\", read = \"30s\", total = \"30s\" }"
            }
            try await scenario.addConversations(1...2)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.run("pause", "voicebot").exitCode == 0)
            try scenario.world.setFaults([FaultRule(.hangBefore)], on: "vg")
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            #expect(try await eventually { scenario.requestCount("vg") == 2 })
            #expect(scenario.requestCount("voicebot") == 0)
            let resumedAt = ContinuousClock.now
            #expect(try await scenario.run("resume", "voicebot").exitCode == 0)
            _ = try await scenario.requests("voicebot", reach: 2)
            // Most of it is the start of the command.
            #expect(ContinuousClock.now - resumedAt < .seconds(20))
            #expect(!daemon.hasEnded)
        }
    }
}
