import Fixtures
import Foundation
import Sandbox
import Testing

/// A rate below one call in two seconds: rows wait, without a busy loop.
@Suite(.serialized) struct RateTests {
    private func states(_ scenario: ProgramScenario) async throws -> [String] {
        try await scenario.texts("SELECT state || ' ' || count(*) FROM outbox WHERE remote = 'vg' GROUP BY state ORDER BY state")
    }

    private func withRate(_ rate: String, _ body: (ProgramScenario) async throws -> Void) async throws {
        let configure: (inout ScenarioConfiguration) -> Void = {
            for other in ["fin", "helpdesk", "voicebot"] { $0.remove("remotes.\(other)") }
            $0["remotes.vg", "rate"] = "\"\(rate)\""
        }
        try await withScenario(configure) { scenario in
            try await scenario.addConversations(1...20)
            try await scenario.write("DELETE FROM links WHERE remote <> 'vg'")
            try await body(scenario)
        }
    }

    @Test(arguments: [("1500/h", 2400), ("1/h", 3_600_000), ("25/min", 2400)])
    func `rows that the rate does not admit yet are pending, and cost almost no CPU`(rate: String, gap: Int) async throws {
        try await withRate(rate) { scenario in
            let startedAt = ContinuousClock.now
            let daemon = try await scenario.startDaemon()
            _ = try await scenario.requests("vg", reach: 1)
            #expect(try await eventually { try await states(scenario) == ["delivered 1", "pending 19"] })
            let (before, sent) = (try daemon.writeCalls(), scenario.requestCount("vg"))
            if gap < 10_000 { _ = try await scenario.requests("vg", reach: 2) }
            // The application is not delayed.
            let writtenAt = ContinuousClock.now
            for number in 1...10 {
                try await scenario.setTitle("revision \(number)", of: "c7")
                #expect(try await eventually { try await scenario.number("SELECT count(*) FROM change_feed") == 0 })
            }
            #expect(ContinuousClock.now - writtenAt < .seconds(60))
            // The outcome of the last call is just being recorded.
            let (calls, made) = (try daemon.writeCalls() - before, scenario.requestCount("vg") - sent + 1)
            #expect(calls < 1500 + 70 * made, "\(calls) writing system calls for ten changes and \(made) deliveries")
            let elapsed = ContinuousClock.now - startedAt
            let admitted = 1 + Int(elapsed.components.seconds * 1000 + 999) / gap
            #expect(scenario.requestCount("vg") <= admitted)
            #expect(gap > 10_000 || scenario.requestCount("vg") >= 2)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'sending'") <= 1)
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
        }
    }

    /// The list takes the first call that the rate admits, and the read before the call the second.
    @Test func `a plain sync of a remote that is polled sends a row at any rate`() async throws {
        try await withRate("25/min") { scenario in
            try scenario.configure { $0.poll(["vg"]) }
            try await scenario.sync(expecting: 75)
            #expect(try await states(scenario).first == "delivered 1")
            #expect(scenario.writeCount("vg") == 1)
        }
    }

    @Test(arguments: [("1200/h", 2), ("1/h", 1)])
    func `sync with a time to drain sends what the rate admits until then, and reports waiting rows`(rate: String, most: Int) async throws {
        try await withRate(rate) { scenario in
            let startedAt = ContinuousClock.now
            let result = try await scenario.sync("--drain", "4", expecting: 75)
            #expect(ContinuousClock.now - startedAt < .seconds(15))
            #expect((1...most).contains(scenario.requestCount("vg")))
            #expect(result["waiting"]?.integer == 20 - scenario.requestCount("vg"))
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'sending'") == 0)
        }
    }

    /// It does so without a time to drain as well, because no call has to wait for long.
    @Test func `sync with a short time to drain attempts every row at a rate of some calls a second`() async throws {
        try await withRate("5/s") { scenario in
            let result = try await scenario.sync("--drain", "1")
            #expect(result["delivered"] == 20)
            #expect(try await states(scenario) == ["delivered 20"])
        }
    }

    @Test func `sync without a time to drain sends what the rate admits at once, and ends`() async throws {
        try await withRate("1500/h") { scenario in
            let startedAt = ContinuousClock.now
            try await scenario.sync(expecting: 75)
            #expect(ContinuousClock.now - startedAt < .seconds(15))
            #expect(scenario.requestCount("vg") == 1)
        }
    }

    @Test func `reads and deliveries share a slow rate`() async throws {
        try await withRate("1800/h") { scenario in
            try scenario.configure {
                $0.poll(["vg"], interval: "1s")
                // Reads begin with a run, and a run lasts while outcomes follow each other within this time.
                $0["schedule", "stall"] = "\"400ms\""
            }
            let daemon = try await scenario.startDaemon()
            #expect(try await eventually { scenario.readCount("vg") >= 2 && scenario.writeCount("vg") >= 2 })
            // Whether deliveries or reads come first, neither waits for all of the other. One call in 2 s, so 9 take 18 s.
            let (reads, writes) = (scenario.readCount("vg"), scenario.writeCount("vg"))
            #expect(reads + writes <= 9, "\(reads) reads, \(writes) deliveries")
            #expect(!daemon.hasEnded)
        }
    }
}
