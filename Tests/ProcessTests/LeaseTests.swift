import Fixtures
import Foundation
import Sandbox
import Testing

/// A process that is paused during a call: its lease ends, and another process sends a newer state.
@Suite(.serialized) struct LeaseTests {
    @Test func `a call that arrives late does not leave its older state at the remote`() async throws {
        let configure: (inout ScenarioConfiguration) -> Void = {
            for remote in ["fin", "voicebot", "helpdesk"] { $0.remove("remotes.\(remote)") }
        }
        try await withScenario(configure) { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.settle())
            // Long enough that the signal comes before the response.
            try scenario.world.setFaults([FaultRule(.latency, times: 1, latencyMilliseconds: 3000)], on: "vg")
            try await scenario.setTitle("older", of: "c1")
            try await scenario.request("vg", containing: "older")
            daemon.send(SIGSTOP)
            // The lease ends meanwhile.
            try await scenario.write("UPDATE outbox SET lease_until = '2000-01-01T00:00:00.000Z' WHERE state = 'sending'")
            try await scenario.setTitle("newer", of: "c1")
            try await scenario.sync()
            #expect(scenario.written("vg", about: "v1").last?["title"] == "newer")
            // The late call is applied after the newer one.
            try scenario.act(at: "vg", on: 1, ["title": "older"])
            let count = scenario.writeCount("vg")
            daemon.send(SIGCONT)
            try await daemon.event("delivery.fenced")
            #expect(try await eventually { scenario.writeCount("vg") > count })
            #expect(try await scenario.settle())
            #expect(scenario.written("vg", about: "v1").last?["title"] == "newer")
            let different = try await scenario.differences().filter { $0.contains(" vg ") }
            #expect(different == [])
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE fields LIKE '%doubt%'") == 0)
        }
    }

    @Test func `a daemon does not put back its own calls when their leases have ended`() async throws {
        let configure: (inout ScenarioConfiguration) -> Void = {
            for remote in ["fin", "voicebot"] { $0.remove("remotes.\(remote)") }
        }
        try await withScenario(configure) { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.settle())
            try scenario.world.setFaults([FaultRule(.latency, times: 1, latencyMilliseconds: 3000)], on: "vg")
            try await scenario.setTitle("slow", of: "c1")
            try await scenario.request("vg", containing: "slow")
            try await scenario.write("UPDATE outbox SET lease_until = '2000-01-01T00:00:00.000Z' WHERE state = 'sending'")
            // The next run looks for claims to put back.
            try await scenario.addConversations(2...2)
            #expect(try await scenario.settle())
            #expect(daemon.events("outbox.recovered").isEmpty)
            #expect(daemon.events("delivery.fenced").isEmpty)
            #expect(scenario.written("vg", about: "v1").filter { $0["title"] == "slow" }.count == 1)
        }
    }
}
