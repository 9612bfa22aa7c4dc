import Fixtures
import Foundation
import Sandbox
import Testing

/// A conversation that is named or changed constantly is served like the others.
@Suite(.serialized) struct QueuePlaceTests {
    private static func onlyVG(_ configuration: inout ScenarioConfiguration) {
        for remote in ["helpdesk", "fin", "voicebot"] { configuration.remove("remotes.\(remote)") }
    }

    /// 320 linked objects, 25 calls a second; `v7` is named every 80 ms, together with more of the others than can be read.
    @Test func `an object that webhook calls name constantly is read as soon as the others`() async throws {
        try await withScenario({ Self.onlyVG(&$0) }) { scenario in
            let hook = try VGHook(scenario)
            try await scenario.addConversations(1...320)
            try await scenario.sync("--drain", "60")
            try scenario.configure { $0["remotes.vg", "rate"] = "\"25/s\"" }
            let daemon = try await scenario.startDaemon()
            let port = try await hook.port(daemon)
            scenario.world.clearRequests()
            let others = (1...320).filter { $0 != 7 }
            for number in others { try await hook.name("v\(number)", port: port) }
            let begunAt = ContinuousClock.now
            let isRead: @Sendable () -> Bool = {
                scenario.world.requests(instance: "vg", conversation: "v7").contains { $0.finishedAt != nil }
            }
            var next = 0
            while !isRead(), ContinuousClock.now - begunAt < .seconds(60) {
                try await hook.name("v7", port: port)
                for _ in 0..<3 {
                    try await hook.name("v\(others[next % others.count])", port: port)
                    next += 1
                }
                _ = await scenario.world.wait(for: .milliseconds(80)) { _ in isRead() }
            }
            #expect(isRead())
            #expect(ContinuousClock.now - begunAt < .seconds(45), "\(ContinuousClock.now - begunAt)")
            // And it does not delay the others.
            let read = Set(scenario.world.requests(instance: "vg").compactMap(\.conversation))
            #expect(read.count > 200, "\(read.count)")
            #expect(scenario.world.requests(instance: "vg", conversation: "v7").count <= 2)
        }
    }

    /// 10 calls a second: 200 rows, of which `c199` is the 111th and changes constantly, and then 200 that are younger.
    @Test func `a conversation that changes constantly is sent as soon as others, and never an older state after a newer`() async throws {
        try await withScenario({ Self.onlyVG(&$0) }) { scenario in
            try await scenario.addConversations(1...400)
            try await scenario.sync("--drain", "60")
            try scenario.configure { $0["remotes.vg", "rate"] = "\"10/s\"" }
            scenario.world.clearRequests()
            _ = try await scenario.startDaemon()
            let planned = try await scenario.number("SELECT count(*) FROM outbox")
            try await scenario.write("UPDATE conversations SET title = 'revision 1 of ' || id WHERE CAST(substr(id, 2) AS INTEGER) <= 200")
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM outbox") == planned + 200 })
            try await scenario.write("UPDATE conversations SET title = 'revision 1 of ' || id WHERE CAST(substr(id, 2) AS INTEGER) > 200")
            let isSent: @Sendable () -> Bool = { !scenario.world.requests(instance: "vg", conversation: "v199").isEmpty }
            var revision = 1
            let begunAt = ContinuousClock.now
            while !isSent(), ContinuousClock.now - begunAt < .seconds(60) {
                revision += 1
                try await scenario.setTitle("revision \(revision) of c199", of: "c199")
                _ = await scenario.world.wait(for: .milliseconds(100)) { _ in isSent() }
            }
            let order = scenario.world.requests(instance: "vg").compactMap(\.conversation)
            let place = try #require(order.firstIndex(of: "v199"))
            #expect(place < 300, "after all others it would be 399: \(place)")
            #expect(revision > 2, "it changed while it waited")
            for _ in 0..<20 {
                revision += 1
                try await scenario.setTitle("revision \(revision) of c199", of: "c199")
            }
            let last = "revision \(revision) of"
            let isLastSent = await scenario.world.wait(for: .seconds(60)) { world in
                world.requests(instance: "vg", conversation: "v199").contains { $0.bodyText.contains(last) }
            }
            #expect(isLastSent)
            let sent = scenario.written("vg", about: "v199").compactMap { $0["title"]?.string?.split(separator: " ").dropFirst().first }
                .compactMap { Int($0) }
            #expect(sent == sent.sorted() && sent.last == revision, "\(sent)")
        }
    }
}
