import Foundation
import Sandbox
import Testing

/// Remotes that say what nobody understands, or that something is not there any more.
@Suite(.serialized) struct StrangeReportTests {
    @Test func `a word that nobody has mapped writes nothing and is reported once, with the place to map it`() async throws {
        try await withScenario({
            $0.poll()
            $0["schedule", "interval"] = "\"1s\""
        }) { scenario in
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
            // Mapped, it means something from the next reload on.
            try scenario.configure { $0["remotes.vg.status.inbound", "open"] = "{ status = \"open\", owner = \"none\" }" }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            #expect(try await eventually { try await scenario.local("c1") == "open/-" })
        }
    }

    @Test func `an object that is gone is left alone until its link is written again`() async throws {
        try await withScenario({ $0.poll() }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = ["1"] }
            scenario.world.clearRequests()
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0)
            let gone = result.events("link.gone")
            #expect(gone.map { $0["conversation"] } == ["c1"])
            #expect(gone.first?["hint"]?.string?.contains("links") == true)
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 1)
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync()
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "voicebot", conversation: "1").isEmpty)
            #expect(scenario.written("voicebot") == [["status": "done"]])
            #expect(scenario.world.state(of: "helpdesk", conversation: "c1")?["status"] == "closed")
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = [] }
            try await scenario.write("INSERT OR REPLACE INTO links VALUES ('c1', 'voicebot', '1', NULL)")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }
}
