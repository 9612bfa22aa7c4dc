import Foundation
import Sandbox
import Testing

/// Reads respect the remote's limits and holds, and deliveries do not wait for them.
@Suite(.serialized) struct PollingTests {
    @Test func `reads and writes together keep to the rate, and the rotation reaches every object`() async throws {
        try await withScenario({
            $0.poll(["voicebot"])
            $0["remotes.voicebot", "rate"] = "\"10/s\""
            $0["remotes.voicebot.poll", "rotate"] = "20"
        }) { scenario in
            try await scenario.addConversations(1...30)
            try await scenario.sync("--drain", "60")
            scenario.world.clearRequests()
            _ = try await scenario.startDaemon()
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id IN ('c1', 'c2', 'c3')")
            _ = try await scenario.requests("voicebot", reach: 60)
            let times = scenario.world.requests(instance: "voicebot").map(\.arrivedAt.milliseconds)
            // Tokens for a second may have been saved up; one call of tolerance for the clock.
            for (position, time) in times.enumerated() where position >= 20 { #expect(time - times[position - 20] >= 700) }
            let read = Set(scenario.world.requests(instance: "voicebot").filter { !$0.isWrite }.compactMap(\.conversation))
            #expect(read.count == 30)
        }
    }

    @Test func `without the table poll no remote is read`() async throws {
        try await withScenario({ $0.poll(["vg"]) }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try await scenario.sync()
            #expect(scenario.readCount("vg") > 0)
            #expect(scenario.readCount("voicebot") == 0)
            #expect(scenario.readCount("helpdesk") == 0)
        }
    }

    @Test func `an object that cannot be read is left out, and reports of the others are adopted`() async throws {
        try await withScenario({ $0.poll(["voicebot"]) }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            var failing = FaultRule(.status)
            failing.method = "GET"
            failing.conversation = "1"
            try scenario.world.setFaults([failing], on: "voicebot")
            for number in 1...3 { try scenario.act(at: "voicebot", on: number, ["status": "done"]) }
            let result = try await scenario.run("sync")
            #expect(try await scenario.texts("SELECT status FROM conversations ORDER BY id") == ["open", "closed", "closed"])
            #expect(result.events("poll.unreadable").map { $0["object"] } == ["1"])
            #expect(result.events("poll.failed").isEmpty)
        }
    }

    @Test func `a refused read is reported once and stops no delivery`() async throws {
        try await withScenario({ $0.pollEverySecond(["voicebot"]) }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            var refusal = FaultRule(.status)
            refusal.status = 401
            refusal.method = "GET"
            try scenario.world.setFaults([refusal], on: "voicebot")
            let daemon = try await scenario.startDaemon()
            try await daemon.event("poll.failed") { $0["remote"] == "voicebot" }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            #expect(try await scenario.remainingDifferences() == [])
            try await scenario.reads("voicebot", more: 2)
            #expect(daemon.events("poll.failed").count == 1)
            #expect(daemon.events("remote.parked").isEmpty)
            try scenario.world.setFaults([], on: "voicebot")
            try await daemon.event("poll.recovered")
        }
    }

    @Test func `a parked remote is not read, parks with one log line, and is read again when it accepts calls`() async throws {
        try await withScenario({
            $0.pollEverySecond(["voicebot", "vg"])
            $0["remotes.voicebot", "probe_interval"] = "\"20s\""
        }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.token = "another-token" }
            let daemon = try await scenario.startDaemon()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await daemon.event("remote.parked") { $0["remote"] == "voicebot" }
            #expect(try await eventually { scenario.writeCount("vg") == 6 && scenario.writeCount("helpdesk") == 6 })
            let calls = scenario.world.requests(instance: "voicebot").count
            // Four polls, each of the list and three objects. Calls in flight may end, and the first probe is sent after 10 s.
            try await scenario.reads("vg", more: 16)
            #expect(scenario.world.requests(instance: "voicebot").count <= calls + 2)
            #expect(daemon.events("remote.parked").count == 1)
            try scenario.world.setOptions(on: "voicebot") { $0.token = nil }
            try await daemon.event("remote.resumed") { $0["remote"] == "voicebot" }
            #expect(try await scenario.remainingDifferences() == [])
            try await scenario.reads("voicebot", more: 2)
        }
    }

    /// Nothing except reads would find out.
    @Test func `a parked remote for which nothing is due is read again when it responds`() async throws {
        try await withScenario({
            $0.poll(["voicebot"])
            $0["remotes.voicebot", "probe_interval"] = "\"1s\""
        }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.token = "another-token" }
            let daemon = try await scenario.startDaemon()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await daemon.event("remote.parked")
            try await scenario.write("UPDATE conversations SET status = 'open'")
            #expect(try await scenario.settle())
            try scenario.world.setOptions(on: "voicebot") { $0.token = nil }
            try scenario.act(at: "voicebot", on: 1, ["status": "done"])
            // The local change is later than the last time when voicebot was known to hold what it was sent: it wins.
            let event = try await daemon.event("conflict.resolved")
            #expect(event["winner"] == "local")
        }
    }

    @Test func `failed reads do not open the breaker, so that deliveries continue and later changes by people are adopted`() async throws {
        try await withScenario({
            $0.poll(["voicebot"])
            $0["remotes.voicebot.breaker", "min_sample"] = "2"
        }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            var failure = FaultRule(.status)
            failure.method = "GET"
            try scenario.world.setFaults([failure], on: "voicebot")
            let daemon = try await scenario.startDaemon()
            _ = await scenario.world.wait(for: .seconds(20)) { $0.requests(instance: "voicebot").count(where: { $0.method == "GET" }) >= 3 }
            let written = scenario.writeCount("voicebot")
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
            #expect(try await eventually { scenario.writeCount("voicebot") == written + 1 })
            #expect(daemon.events("breaker.opened").isEmpty)
            try scenario.world.setFaults([], on: "voicebot")
            try scenario.act(at: "voicebot", on: 2, ["status": "done"])
            try await daemon.event("status.adopted")
        }
    }

    @Test func `a list that hangs delays no delivery, not even to the same remote`() async throws {
        try await withScenario({ $0.poll() }) { scenario in
            try await scenario.addConversations(1...5)
            try await scenario.sync()
            var hang = FaultRule(.hangBefore)
            hang.method = "GET"
            try scenario.world.setFaults([hang], on: "voicebot")
            scenario.world.clearRequests()
            let daemon = try await scenario.startDaemon()
            _ = await scenario.world.wait(for: .seconds(10)) { $0.requests(instance: "voicebot").count >= 1 }
            let changedAt = ContinuousClock.now
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            #expect(
                try await eventually {
                    scenario.written("vg").count == 5 && scenario.written("helpdesk").count == 5 && scenario.written("voicebot").count == 5
                })
            #expect(ContinuousClock.now - changedAt < .seconds(12))
            // It is reported once, and reports of other remotes are still adopted.
            try scenario.act(at: "helpdesk", on: 1, ["status": "ended"])
            try await daemon.event("status.adopted", within: .seconds(10))
            try await daemon.event("poll.failed", within: .seconds(25)) { $0["remote"] == "voicebot" }
            try scenario.world.setFaults([], on: "voicebot")
            try await daemon.event("poll.recovered", within: .seconds(25)) { $0["remote"] == "voicebot" }
            #expect(daemon.events("poll.failed").count == 1)
        }
    }

    @Test func `a sync with a list that hangs ends, and delivers before it does`() async throws {
        try await withScenario({
            $0.poll(["voicebot"])
            $0["remotes.voicebot", "timeouts"] = "{ connect = \"1s\", read = \"2s\", total = \"3s\" }"
        }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            var hang = FaultRule(.hangBefore)
            hang.method = "GET"
            try scenario.world.setFaults([hang], on: "voicebot")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }

    @Test(arguments: ["voicebot", "vg", "helpdesk"])
    func `invalid responses change nothing and are requested again`(remote: String) async throws {
        try await withScenario({ $0.poll([remote]) }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            let before = try await scenario.texts("SELECT id || status || updated_at FROM conversations")
            for kind in [FaultRule.Kind.garbage, .truncated, .wrongType, .dropBefore] {
                try scenario.world.setFaults([FaultRule(kind)], on: remote)
                let result = try await scenario.run("sync")
                #expect(result.exitCode == 0)
                #expect(try await scenario.texts("SELECT id || status || updated_at FROM conversations") == before)
                #expect(result.events("poll.failed").count <= 1)
            }
            try scenario.world.setFaults([], on: remote)
            let word: SandboxJSON =
                remote == "voicebot" ? ["status": "done"] : remote == "vg" ? ["state": "ended_chat"] : ["status": "ended"]
            try scenario.act(at: remote, on: 1, word.object ?? [:])
            try await scenario.sync()
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 1)
            #expect(try await scenario.differences() == [])
        }
    }
}
