import Foundation
import SyncCore
import SyncHTTP
import Synchronization
import Testing

@testable import SyncDaemon

/// The parts that the owner adds to the engine: deadlines, webhook calls, reloads.
@Suite(.timeLimit(.minutes(2))) struct EngineOwnerTests {
    /// A remote that does not respond until it is released; a call that is cancelled ends.
    private final class Hanging: Sendable {
        let begun: AsyncStream<Void>
        private let begin: AsyncStream<Void>.Continuation
        private let released: AsyncStream<Void>
        private let release: AsyncStream<Void>.Continuation

        init() {
            (begun, begin) = AsyncStream.makeStream()
            (released, release) = AsyncStream.makeStream()
        }

        func respond(to call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
            begin.yield()
            for await _ in released { return DaemonScenario.ok }
            throw TransportFailure(.cancelled, detail: "cancelled")
        }

        func letGo() { release.yield() }
    }

    @Test func `a stop cancels calls at its deadline, and their rows stay due`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let remote = Hanging()
        let engine = try await scenario.engine { call throws(TransportFailure) in try await remote.respond(to: call) }
        engine.owner.post(.turnRequested(.startup))
        for await _ in remote.begun { break }
        let startedAt = ContinuousClock.now
        await engine.stop(within: .milliseconds(100))
        #expect(ContinuousClock.now - startedAt < .seconds(4))
        #expect(try scenario.texts("SELECT state FROM outbox") == ["pending"])
        #expect(scenario.log.events.contains("delivery.attempted"), "the call was ended and its end recorded")
    }

    @Test func `a drain waits for the calls that it has begun, also after its deadline`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let remote = Hanging()
        let engine = try await scenario.engine { call throws(TransportFailure) in try await remote.respond(to: call) }
        async let drained = engine.owner.drain(until: SystemClock.uptime())
        for await _ in remote.begun { break }
        remote.letGo()
        let summary = try #require(await drained)
        #expect(summary.counts.delivered == 1 && summary.counts.planned == 1)
        await engine.stop()
        #expect(try scenario.texts("SELECT state FROM outbox") == ["delivered"])
    }

    @Test func `a stop ends a drain beside a remote that does not respond`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let remote = Hanging()
        let engine = try await scenario.engine { call throws(TransportFailure) in try await remote.respond(to: call) }
        async let drained = engine.owner.drain(until: SystemClock.uptime())
        for await _ in remote.begun { break }
        await engine.stop()
        let summary = try #require(await drained)
        #expect(summary.counts.delivered == 0 && summary.counts.planned == 1)
        #expect(try scenario.texts("SELECT state FROM outbox") == ["pending"])
    }

    @Test func `another configuration takes effect at once, and a call in flight ends as it began`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 2)
        let remote = Hanging()
        let isFirst = Mutex(true)
        let engine = try await scenario.engine { call throws(TransportFailure) in
            let hangs = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            return hangs ? try await remote.respond(to: call) : DaemonScenario.ok
        }
        async let summary = engine.run()
        for await _ in remote.begun { break }
        let fresh = try scenario.configured("url = \"https://new.example.com\"\ntoken_file = \"token\"\nconcurrency = 3")
        try await engine.owner.configure(fresh, try fresh.readCredentials(.token))
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('late', 'u1')")
        try scenario.write("INSERT INTO links VALUES ('late', 'vg', 'late', 'a')")
        engine.owner.post(.databaseChanged)
        while !scenario.calls.all.contains(where: { $0.url.hasPrefix("https://new.example.com") && $0.url.contains("late") }) {
            await Task.yield()
        }
        #expect(await engine.owner.health().inFlight >= 1, "nobody waited for the first call")
        remote.letGo()
        #expect(try await summary.error == nil)
        try await engine.run()
        #expect(try scenario.texts("SELECT DISTINCT state FROM outbox") == ["delivered"])
        await engine.stop()
    }

    @Test func `a configuration that the store cannot accept changes nothing`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let engine = try await scenario.engine()
        try scenario.write("CREATE TRIGGER refuse BEFORE INSERT ON processes BEGIN SELECT RAISE(ABORT, 'no'); END")
        let fresh = try scenario.configured("url = \"https://new.example.com\"\ntoken_file = \"token\"")
        await #expect(throws: StoreError.self) { try await engine.owner.configure(fresh, try fresh.readCredentials(.token)) }
        try await engine.run()
        #expect(scenario.calls.all.map(\.url).allSatisfy { $0.hasPrefix("https://vg.example.com") } && scenario.calls.all.count == 1)
        await engine.stop()
    }

    @Test func `concurrent webhook calls are stored once each`() async throws {
        let scenario = try DaemonScenario("fin", conversations: 1)
        let engine = try await scenario.engine()
        let new = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for number in 0..<50 {
                tasks.addTask {
                    let notice = Notice.finStatus(
                        conversationID: "c1", word: "thinking", at: Instant(milliseconds: 1_772_366_400_000 + Int64(number / 2)))
                    return try await engine.owner.receive([notice], from: "fin")
                }
            }
            return try await tasks.reduce(0, +)
        }
        #expect(new == 25, "every event came twice")
        #expect(try scenario.texts("SELECT count(*) FROM inbox") == ["25"])
        await engine.stop()
    }

    @Test func `a webhook call is refused while the database cannot be written, and after the stop`() async throws {
        let scenario = try DaemonScenario("fin", conversations: 1)
        let engine = try await scenario.engine()
        try scenario.write("CREATE TRIGGER refuse BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'no'); END")
        let notice = Notice.finStatus(conversationID: "c1", word: "thinking", at: SystemClock.now())
        await #expect(throws: StoreError.self) { try await engine.owner.receive([notice], from: "fin") }
        try scenario.write("DROP TRIGGER refuse")
        #expect(try await engine.owner.receive([notice], from: "fin") == 1)
        await engine.stop()
        await #expect(throws: StoreError.self) { try await engine.owner.receive([notice], from: "fin") }
    }

    @Test func `finished rows are pruned while nothing else is to be done, and the log reports it once`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let old = (SystemClock.now() - .days(365)).iso8601
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key,
                state, due_at, created_at, updated_at, finished_at)
            SELECT 'c1', 'vg', 'state', 'o', 'PATCH', '/', hex(randomblob(3000)), 't', 'k' || i, 'superseded', ?1, ?1, ?1, ?1 FROM n
            """, [old])
        let before = try await scenario.store.size()
        let engine = try await scenario.engine()
        engine.owner.post(.turnRequested(.startup))
        await scenario.log.wait(for: "retention.pruned")
        #expect(scenario.log.all.filter { $0.contains("event=retention.pruned") && $0.hasSuffix("rows=2000") }.count == 1)
        await engine.stop()
        #expect(try scenario.texts("SELECT DISTINCT state FROM outbox") == ["delivered"])
        #expect(try await scenario.store.size().pages <= before.pages)
    }
}
