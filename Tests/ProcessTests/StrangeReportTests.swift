import Foundation
import Sandbox
import Testing

/// Remotes with unknown status values, or that report an object as missing.
@Suite(.serialized) struct StrangeReportTests {
    @Test func `an unmapped status value writes nothing and is reported once, with the place to map it`() async throws {
        try await withScenario({ $0.pollEverySecond() }) { scenario in
            try await scenario.addConversations(1...2)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            let before = scenario.writeCount()
            for number in 1...2 { try scenario.act(at: "vg", on: number, ["state": "open"]) }
            let event = try await daemon.event("status.unmapped")
            #expect(event["remote"] == "vg")
            #expect(event["word"] == "open")
            #expect(event["reason"]?.string?.contains("[remotes.vg.status.inbound]") == true)
            try await scenario.reads("vg", more: 8)
            #expect(daemon.events("status.unmapped").count == 1)
            #expect(scenario.writeCount() == before)
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 0)
            #expect(try await scenario.local("c1") == "open/agent_fin")
            // Mapped, it has a meaning from the next reload on.
            try scenario.configure { $0["remotes.vg.status.inbound", "open"] = "{ status = \"open\", owner = \"none\" }" }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            #expect(try await eventually { try await scenario.local("c1") == "open/-" })
        }
    }

    @Test func `a value with spaces and one that is not a text are unmapped like any other`() async throws {
        try await withScenario({ $0.pollEverySecond() }) { scenario in
            try await scenario.addConversations(1...2)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            func report(_ value: SandboxJSON) throws {
                var rule = FaultRule(.status)
                (rule.status, rule.method, rule.conversation) = (200, "GET", "v1")
                rule.body = ["success": true, "data": ["ID": "v1", "state": value]]
                try scenario.world.setFaults([rule], on: "vg")
            }
            for (value, word) in [("On Hold", "On Hold"), (7, "7"), (["code": 7], "(an object)")] as [(SandboxJSON, String)] {
                try report(value)
                try await daemon.event("status.unmapped") { $0["word"]?.string == word }
                let explained = try await scenario.run("explain", "c1").output
                #expect(explained.contains("has no meaning here; [remotes.vg.status.inbound] can give it a meaning"), "\(explained)")
            }
            #expect(try await scenario.local("c1") == "open/agent_fin")
            // With a meaning it is a status value like any other.
            try scenario.configure { $0["remotes.vg.status.inbound", "\"On Hold\""] = "{ status = \"open\", owner = \"none\" }" }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            try report("On Hold")
            #expect(try await eventually { try await scenario.local("c1") == "open/-" })
        }
    }

    @Test func `an unmapped status value in the responses to calls is reported once, and the calls are acknowledged`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            var rule = FaultRule(.status)
            (rule.status, rule.method) = (200, "PATCH")
            rule.body = ["success": true, "data": ["state": "archived"]]
            try scenario.world.setFaults([rule], on: "vg")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0)
            let events = result.events("status.unmapped")
            #expect(events.count == 1)
            let event = try #require(events.first)
            #expect(event["remote"] == "vg" && event["word"] == "archived")
            #expect(event["reason"]?.string?.contains("[remotes.vg.status.inbound]") == true)
            #expect(try await scenario.texts("SELECT DISTINCT state FROM outbox WHERE remote = 'vg'") == ["delivered"])
            #expect(try await scenario.local("c1")?.hasPrefix("closed/") == true)
        }
    }

    /// Reads and writes are independent: an object that cannot be read may still accept writes.
    @Test func `an object that a read does not find is reported once, and is still written to`() async throws {
        try await withScenario({ $0.pollEverySecond(["voicebot"]) }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            var missing = FaultRule(.status)
            (missing.status, missing.method, missing.conversation) = (404, "GET", "1")
            missing.body = ["message": "No query results"]
            try scenario.world.setFaults([missing], on: "voicebot")
            let daemon = try await scenario.startDaemon()
            let event = try await daemon.event("poll.unreadable")
            #expect(event["object"] == "1")
            #expect(event["error"]?.string?.contains("404") == true)
            #expect(event["hint"]?.string?.contains("links") == true)
            // The rest of the poll cycle continues, and so do the next ones.
            try scenario.act(at: "voicebot", on: 3, ["status": "done"])
            try await daemon.event("status.adopted") { $0["conversation"] == "c3" }
            try await scenario.reads("voicebot", more: 8)
            #expect(daemon.events("poll.unreadable").count == 1)
            #expect(daemon.events("poll.failed").isEmpty)
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 0)
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
            #expect(try await eventually { scenario.world.state(of: "voicebot", conversation: "1")?["status"] == "done" })
        }
    }

    @Test func `an object that a write does not find is left alone until its link is written again`() async throws {
        try await withScenario({ $0.poll() }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = ["1"] }
            let read = try await scenario.run("sync")
            #expect(read.exitCode == 0)
            #expect(read.events("poll.unreadable").map { $0["object"] } == ["1"])
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 0)
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync(expecting: 65)
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 1)
            #expect(scenario.written("voicebot", about: "2").last == ["status": "done"])
            #expect(scenario.world.state(of: "helpdesk", conversation: "c1")?["status"] == "closed")
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "voicebot", conversation: "1").isEmpty)
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = [] }
            try await scenario.write("INSERT OR REPLACE INTO links VALUES ('c1', 'voicebot', '1', NULL)")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }
}
