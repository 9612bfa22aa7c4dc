import Foundation
import SyncCore
import SyncHTTP
import Synchronization
import Testing

@testable import SyncDaemon

/// Deliveries to one remote, through the whole engine.
@Suite(.timeLimit(.minutes(3))) struct DeliveryTests {
    @Test func `a row that must not be sent takes no token of the rate and no probe of the breaker`() async throws {
        // One call an hour, and a breaker whose pause is over: the first row that asks the gate uses up both.
        let bench = try await ScriptedBench("fin", "rate = \"1/h\"")
        for (id, conversation) in [("m1", "c1"), ("m2", "c2")] {
            try bench.write("INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', 'x')", [id, conversation])
        }
        let planning = try await bench.engine { _ throws(TransportFailure) in throw TransportFailure(.connectionRefused, detail: "x") }
        try await planning.run()
        await planning.stop()
        let before = bench.calls.all.count
        // Sent six minutes ago and in doubt: repeating it would be a second message.
        let now = SystemClock.now()
        try bench.write(
            "UPDATE outbox SET due_at = ?1, in_doubt_since = ?2 WHERE message_id = 'm1'",
            [(now - .minutes(1)).iso8601, (now - .minutes(6)).iso8601])
        try bench.write("UPDATE outbox SET due_at = ? WHERE message_id = 'm2'", [now.iso8601])
        try bench.write("UPDATE remotes SET breaker_open_until = ?, breaker_openings = 1", [(now - .seconds(1)).iso8601])
        let engine = try await bench.engine()
        try await engine.run()
        #expect(try bench.texts("SELECT message_id || ' ' || state FROM outbox ORDER BY message_id") == ["m1 uncertain", "m2 delivered"])
        #expect(bench.calls.all.count - before == 1)
        #expect(bench.log.events.filter { $0.hasPrefix("breaker.") } == ["breaker.half_open", "breaker.closed"])
        await engine.stop()
        bench.close()
    }

    @Test(arguments: ["60/h", "1/h", "1/min"])
    func `no row is claimed before the rate admits its call, and waiting rows are claimed when it does`(rate: String) async throws {
        let bench = try await ScriptedBench("vg", "rate = \"\(rate)\"", conversations: 20)
        let engine = try await bench.engine()
        let summary = try await engine.run()
        #expect(bench.calls.all.count == 1)
        #expect(try bench.texts("SELECT state || count(*) FROM outbox GROUP BY state ORDER BY state") == ["delivered1", "pending19"])
        let limit = try #require(RateLimit(rate))
        let next = try #require(summary.nextDue)
        let wait = Duration.milliseconds(limit.period.milliseconds / Int64(limit.calls))
        let left = next - SystemClock.now()
        #expect(left <= wait && left + .seconds(30) > wait)
        // Turns that happen meanwhile, for whatever reason, leave the rows as they are.
        let touched = try bench.texts("SELECT max(updated_at) FROM outbox WHERE state = 'pending'")
        for _ in 0..<3 { try await engine.run() }
        #expect(bench.calls.all.count == 1)
        #expect(try bench.texts("SELECT max(updated_at) FROM outbox WHERE state = 'pending'") == touched)
        await engine.stop()
        bench.close()
    }

    @Test func `a rate that is used up does not delay a drain if nothing waits`() async throws {
        let bench = try await ScriptedBench("vg", "rate = \"6/min\"", conversations: 1)
        let engine = try await bench.engine()
        let startedAt = ContinuousClock.now
        try await engine.run()
        let summary = try await engine.run()
        #expect(ContinuousClock.now - startedAt < .seconds(9))
        #expect(try bench.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(summary.nextDue == nil)
        await engine.stop()
        bench.close()
    }

    @Test func `a rate of some calls a second is kept and used completely`() async throws {
        let bench = try await ScriptedBench("vg", "rate = \"20/s\"", conversations: 60)
        let engine = try await bench.engine()
        let startedAt = ContinuousClock.now
        try await engine.run()
        let duration = ContinuousClock.now - startedAt
        #expect(bench.calls.all.count == 60)
        // Twenty at once, forty in two seconds.
        #expect(duration >= .milliseconds(1900) && duration < .seconds(8), "\(duration)")
        await engine.stop()
        bench.close()
    }

    @Test func `a drain ends when its calls have ended, and reports when a failed row is due again`() async throws {
        let bench = try await ScriptedBench("vg", conversations: 1)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let engine = try await bench.engine { _ in
            begin.yield()
            for await _ in released { break }
            return HTTPReply(status: 500)
        }
        async let summary = engine.run()
        for await _ in begun { break }
        #expect(await engine.owner.health().inFlight == 1)
        release.yield()
        let next = try #require(try await summary.nextDue)
        let rows = try bench.texts("SELECT state || attempts || due_at FROM outbox")
        #expect(next - SystemClock.now() > .minutes(20), "\(rows)")
        #expect(try bench.texts("SELECT state || attempts FROM outbox") == ["pending1"])
        await engine.stop()
        bench.close()
    }

    @Test func `many rows that failed before do not delay a first attempt`() async throws {
        let bench = try await ScriptedBench("vg", "concurrency = 4\nbreaker = { min_sample = 100000 }", conversations: 60)
        let engine = try await bench.engine { _ in HTTPReply(status: 500) }
        try await engine.run()
        #expect(bench.calls.all.count == 60)
        try bench.write("UPDATE outbox SET due_at = created_at")
        try bench.write("INSERT INTO conversations (id) VALUES ('late')")
        try bench.write("INSERT INTO links VALUES ('late', 'vg', 'late', 'a')")
        try await engine.run()
        let later = bench.calls.all.dropFirst(60)
        #expect(later.count == 61)
        let position = try #require(later.firstIndex { $0.url.contains("late") }) - later.startIndex
        #expect(position < 20, "the first attempt is call \(position)")
        await engine.stop()
        bench.close()
    }

    @Test func `a refusal of the former token does not park the remote if the token was replaced during the call`() async throws {
        let bench = try await ScriptedBench("vg", conversations: 1)
        let token = bench.directory.appendingPathComponent("token")
        let engine = try await bench.engine { call in
            let bearer = call.headers.first { $0.name == "Authorization" }?.value
            guard bearer == "Bearer token" else { return ScriptedBench.ok }
            do {
                try Data("rotated".utf8).write(to: token, options: .atomic)
            } catch {
                Issue.record(error)
            }
            // The watcher has handled it when its event is in the log.
            await bench.log.wait(for: "credential.changed")
            return HTTPReply(status: 401)
        }
        try await engine.run()
        try await engine.run()
        #expect(try bench.texts("SELECT state || ' ' || attempts FROM outbox") == ["delivered 1"])
        #expect(bench.calls.all.count == 2)
        #expect(!bench.log.events.contains("remote.parked"))
        await engine.stop()
        bench.close()
    }

    @Test func `an engine continues with the gates that the previous one stored`() async throws {
        let bench = try await ScriptedBench("vg", conversations: 1)
        let former = try await bench.engine { _ in HTTPReply(status: 401) }
        try await former.run()
        await former.stop()
        #expect(try bench.texts("SELECT park_reason FROM remotes WHERE park_reason IS NOT NULL") != [])
        let next = try await bench.engine()
        try await next.run()
        #expect(try bench.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(try bench.texts("SELECT name FROM remotes WHERE parked_at IS NULL") == ["vg"])
        #expect(bench.log.events.filter { $0.hasPrefix("remote.") } == ["remote.parked", "remote.resumed"])
        await next.stop()
        bench.close()
    }

    @Test func `a lowered concurrency is kept for the next engine, and forgotten once it is restored`() async throws {
        let bench = try await ScriptedBench("vg", "concurrency = 2\nbreaker = { min_sample = 100000 }", conversations: 2)
        let failing = try await bench.engine { _ in HTTPReply(status: 503) }
        try await failing.run()
        await failing.stop()
        #expect(try await bench.storedGate()?.concurrency == 1)
        try bench.write("UPDATE outbox SET due_at = created_at")
        let responding = try await bench.engine()
        try await responding.run()
        #expect(try bench.texts("SELECT DISTINCT state FROM outbox") == ["delivered"])
        #expect(try await bench.storedGate() == RemoteGate.Stored())
        await responding.stop()
        bench.close()
    }
}
