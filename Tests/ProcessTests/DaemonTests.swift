import Fixtures
import Foundation
import Sandbox
import Testing

/// `convosync run`: changes are detected, and faults of one remote do not affect others.
@Suite(.serialized) struct DaemonTests {
    @Test func `a change is sent within a second of its commit`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "revision 0 of c1")
            var delays: [Int] = []
            for number in 1...5 {
                let committedAt = Int(Date().timeIntervalSince1970 * 1000)
                try await scenario.setTitle("revision \(number)", of: "c1")
                delays.append(try await scenario.request("vg", containing: "revision \(number)").arrivedAt.milliseconds - committedAt)
            }
            // The machine may be busy with other tests, so slow changes do not fail the test.
            #expect((delays.min() ?? 0) < 1000, "milliseconds: \(delays)")
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `nothing is sent when nothing changed`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["schedule", "interval"] = "\"1s\"" }
            try await scenario.addConversations(1...3)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            scenario.world.clearRequests()
            // A write that changes no value is not a change.
            try await scenario.write("UPDATE conversations SET title = title, status = status")
            let seen = daemon.events.count
            for _ in 0..<2 {
                try await daemon.event("run.finished", from: seen) { $0["cause"]?.string == "interval" }
            }
            #expect(scenario.requestCount() == 0)
        }
    }

    @Test func `a new link, a new user and a new message are changes`() async throws {
        try await withScenario { scenario in
            try await scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
            _ = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "c1")
            #expect(scenario.requestCount("vg") == 0)
            try await scenario.write("INSERT INTO links VALUES ('c1', 'vg', 'v1', NULL)")
            try await scenario.request("vg", containing: "requested_chat")
            try await scenario.write("INSERT INTO users (id, name) VALUES ('u1', 'Uma')")
            try await scenario.write("UPDATE conversations SET user_id = 'u1' WHERE id = 'c1'")
            try await scenario.request("vg", containing: "Uma")
            try await scenario.addMessage("m1", to: "c1", body: "anybody there?")
            try await scenario.request("fin", containing: "anybody there?")
            #expect(try await scenario.remainingDifferences() == [])
        }
    }

    @Test func `a database that the application keeps locked only causes delays`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 500)], on: "vg")
            let daemon = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "revision 0 of c2")
            try await scenario.setTitle("before the lock", of: "c1")
            // A call is in flight: its outcome cannot be written while the lock is held.
            try await scenario.request("vg", containing: "before the lock")
            try await scenario.execute("BEGIN IMMEDIATE")
            try await daemon.event("store.unavailable")
            try await scenario.execute("UPDATE conversations SET title = 'in the lock' WHERE id = 'c2'; COMMIT")
            try await scenario.request("helpdesk", containing: "in the lock")
            #expect(try await scenario.remainingDifferences() == [])
            #expect(!daemon.hasEnded)
            let repeated = scenario.world.requests(instance: "vg").filter { $0.bodyText.contains("before the lock") }
            #expect(repeated.count == 1)
        }
    }

    @Test func `a remote that is down and returns ends with the wanted state, and does not delay others`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...20)
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            let daemon = try await scenario.startDaemon()
            #expect(try await eventually { scenario.world.state(of: "helpdesk").count == 20 })
            try await daemon.event("breaker.opened")
            for number in 1...3 {
                let changedAt = ContinuousClock.now
                try await scenario.write("UPDATE conversations SET status = 'closed', title = 'closed' WHERE id = 'c\(number)'")
                _ = try await scenario.requests("voicebot", reach: 20 + number)
                let voicebotTook = ContinuousClock.now - changedAt
                _ = try await scenario.requests("helpdesk", reach: 20 + number)
                #expect(voicebotTook < .seconds(12))
                #expect(ContinuousClock.now - changedAt < .seconds(20))
            }
            #expect(scenario.world.state(of: "vg").isEmpty)
            try scenario.world.setFaults([], on: "vg")
            #expect(try await scenario.remainingDifferences() == [])
            try await daemon.event("breaker.closed")
            #expect(try await scenario.settle())
        }
    }

    @Test func `a remote that hangs does not delay others`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...5)
            try scenario.world.setFaults([FaultRule(.hangBefore)], on: "vg")
            _ = try await scenario.startDaemon()
            _ = try await scenario.requests("voicebot", reach: 5, within: .seconds(15))
            _ = try await scenario.requests("helpdesk", reach: 5, within: .seconds(15))
            #expect(scenario.world.state(of: "vg").isEmpty)
        }
    }

    @Test func `a 429 with Retry-After pauses that remote for that time, and no other`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "revision 0 of c1")
            var rule = FaultRule(.status, times: 1)
            rule.status = 429
            rule.retryAfterSeconds = 6
            try scenario.world.setFaults([rule], on: "vg")
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await daemon.event("remote.throttled") { $0["remote"] == "vg" }
            let voicebot = try await scenario.request("voicebot", containing: "done")
            let requests = try await scenario.requests("vg", reach: 2)
            #expect(requests[1].arrivedAt.milliseconds - requests[0].arrivedAt.milliseconds >= 5950)
            #expect(requests[0].idempotencyKey == requests[1].idempotencyKey)
            #expect(voicebot.arrivedAt.milliseconds - requests[0].arrivedAt.milliseconds < 5500)
            #expect(try await scenario.settle())
            let attempts = try await scenario.texts(
                """
                SELECT o.attempts || ' ' || group_concat(a.outcome) FROM outbox o JOIN outbox_attempts a ON a.outbox_id = o.id
                WHERE o.remote = 'vg' AND a.outbox_id = (SELECT max(id) FROM outbox WHERE remote = 'vg') GROUP BY o.id
                """)
            #expect(attempts == ["1 throttled,delivered"])
        }
    }

    @Test func `a refused token parks the remote without using attempts, and a corrected token file resumes it`() async throws {
        try await withScenario { scenario in
            try scenario.write("wrong-token", to: "vg.token")
            // With an interval of a minute, and a probe after ten seconds: neither can be what finds the new file.
            try scenario.configure { $0["remotes.vg", "token_file"] = "\"vg.token\"" }
            try await scenario.addConversations(1...10)
            let daemon = try await scenario.startDaemon()
            try await daemon.event("remote.parked") { $0["remote"] == "vg" }
            #expect(try await eventually { scenario.world.state(of: "helpdesk").count == 10 })
            #expect(scenario.world.state(of: "voicebot").count == 10)
            #expect(try await scenario.number("SELECT sum(attempts) FROM outbox WHERE remote = 'vg'") == 0)
            let status = try await scenario.run("status", "--json").json["remotes"]?["vg"]
            #expect(status?["parked_at"]?.string != nil)
            #expect(status?["park_reason"]?.string?.contains("401") == true)
            let refused = scenario.requestCount("vg")
            let correctedAt = ContinuousClock.now
            try scenario.write("sandbox-token", to: "vg.token")
            try await daemon.event("remote.resumed") { $0["remote"] == "vg" }
            #expect(ContinuousClock.now - correctedAt < .seconds(9))
            #expect(try await scenario.remainingDifferences() == [])
            #expect(daemon.events.filter { $0["event"] == "remote.parked" }.count == 1)
            // Calls in flight when the first response arrived, and probes; not one per conversation and run.
            #expect(refused <= 12)
        }
    }

    @Test func `a daemon and repeated syncs do not send anything twice`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...30)
            for instance in ScenarioConfiguration.remotes {
                try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 20)], on: instance)
            }
            let daemon = try await scenario.startDaemon()
            for round in 1...4 {
                try await scenario.write("UPDATE conversations SET title = 'revision \(round) of ' || id")
                for number in 1...30 { try await scenario.addMessage("m\(round)-\(number)", to: "c\(number)", body: "round \(round)") }
                _ = try await scenario.run("sync")
            }
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            #expect(!daemon.hasEnded)
            let keys = scenario.world.requests().compactMap(\.idempotencyKey)
            #expect(keys.count == scenario.requestCount())
            #expect(Set(keys).count == keys.count)
            #expect(scenario.world.requests().allSatisfy { $0.othersInFlightSameConversation == 0 })
            for record in scenario.world.requests(instance: "fin") { #expect(record.outcome == .applied) }
        }
    }
}
