import Foundation
import SyncCore
import SyncHTTP
import Synchronization
import Testing

@testable import SyncDaemon

/// What a lane does around its machines.
@Suite struct LaneTests {
    @Test func `what must not be sent never comes to the gate: it takes no token of the rate and no probe of the breaker`() async throws {
        // One call an hour, and a breaker whose pause is over: whoever comes to the gate first uses up both.
        let bench = try await ScriptedBench("fin", "rate = \"1/h\"")
        for (id, conversation) in [("m1", "c1"), ("m2", "c2")] {
            try bench.write("INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', 'x')", [id, conversation])
        }
        let planning = try await bench.engine { _ throws(TransportFailure) in throw TransportFailure(.connectionRefused, detail: "x") }
        _ = await planning.run(cause: "request")
        await planning.stop(within: .zero)
        let before = bench.calls.all.count
        // Sent six minutes ago, and nobody knows whether it arrived: repeating it would be a second message.
        let now = SystemClock.now()
        try bench.write(
            "UPDATE outbox SET due_at = ?1, in_doubt_since = ?2 WHERE message_id = 'm1'",
            [(now - .minutes(1)).iso8601, (now - .minutes(6)).iso8601])
        try bench.write("UPDATE outbox SET due_at = ? WHERE message_id = 'm2'", [now.iso8601])
        try bench.write("UPDATE remotes SET breaker_open_until = ?, breaker_openings = 1", [(now - .seconds(1)).iso8601])
        let engine = try await bench.engine()
        _ = await engine.run(cause: "request")
        #expect(try bench.texts("SELECT message_id || ' ' || state FROM outbox ORDER BY message_id") == ["m1 uncertain", "m2 delivered"])
        #expect(bench.calls.all.count - before == 1)
        #expect(bench.log.events.filter { $0.hasPrefix("breaker.") } == ["breaker.half_open", "breaker.closed"])
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test(arguments: ["60/h", "1/h", "1/min"])
    func `no row is claimed before the rate admits its call, and what waits is looked for when it does`(rate: String) async throws {
        let bench = try await ScriptedBench("vg", "rate = \"\(rate)\"", conversations: 20)
        let engine = try await bench.engine()
        let summary = await engine.run(cause: "request")
        #expect(bench.calls.all.count == 1)
        #expect(try bench.texts("SELECT state || count(*) FROM outbox GROUP BY state ORDER BY state") == ["delivered1", "pending19"])
        let limit = try #require(RateLimit(rate))
        let next = try #require(summary.nextDue)
        let wait = Duration.milliseconds(limit.period.milliseconds / Int64(limit.calls))
        let left = next - SystemClock.now()
        #expect(left <= wait && left + .seconds(30) > wait)
        // Runs that come meanwhile, for whatever reason, leave the rows as they are.
        let touched = try bench.texts("SELECT max(updated_at) FROM outbox WHERE state = 'pending'")
        for _ in 0..<3 { _ = await engine.run(cause: "request") }
        #expect(bench.calls.all.count == 1)
        #expect(try bench.texts("SELECT max(updated_at) FROM outbox WHERE state = 'pending'") == touched)
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `where nothing waits, a rate that is used up holds up no run`() async throws {
        let bench = try await ScriptedBench("vg", "rate = \"6/min\"", conversations: 1)
        let engine = try await bench.engine()
        let startedAt = ContinuousClock.now
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        #expect(ContinuousClock.now - startedAt < .seconds(9))
        #expect(try bench.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(await engine.nextDue() == nil)
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `a rate of some calls a second is kept and used up`() async throws {
        let bench = try await ScriptedBench("vg", "rate = \"20/s\"", conversations: 60)
        let engine = try await bench.engine()
        let startedAt = ContinuousClock.now
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        let duration = ContinuousClock.now - startedAt
        #expect(bench.calls.all.count == 60)
        // Twenty at once, forty in two seconds.
        #expect(duration >= .milliseconds(1900) && duration < .seconds(8), "\(duration)")
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `a call that outlives its run asks for another one, which finds out when its row is due again`() async throws {
        let bench = try await ScriptedBench("vg", stall: "100ms", conversations: 1)
        let (asked, asks) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let engine = try await bench.engine(onWork: { asks.yield() }) { _ in
            for await _ in released { break }
            return HTTPReply(status: 500)
        }
        let summary = await engine.run(cause: "request")
        #expect(summary.nextDue == nil, "nobody knows yet when the row is due again")
        #expect(await engine.inFlight() == 1)
        release.yield()
        for await _ in asked { break }
        let second = await engine.run(cause: "request")
        #expect(second.error == nil)
        let next = try #require(second.nextDue)
        let rows = try bench.texts("SELECT state || attempts || due_at FROM outbox")
        #expect(next - SystemClock.now() > .minutes(30), "\(second), \(rows)")
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `retries that fail are limited, first tries go out at once`() async throws {
        let bench = try await ScriptedBench(
            "vg", "concurrency = 4\nbreaker = { min_sample = 100000 }\nretry_budget = { percent = 0, min_per_second = 1 }",
            conversations: 60)
        let isDown = Mutex(true)
        let engine = try await bench.engine { _ in isDown.withLock { $0 } ? HTTPReply(status: 500) : ScriptedBench.ok }
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        #expect(bench.calls.all.count == 60, "first tries need no budget")
        let startedAt = ContinuousClock.now
        try bench.write("UPDATE outbox SET due_at = created_at")
        try bench.write("INSERT INTO conversations (id) VALUES ('late')")
        try bench.write("INSERT INTO links VALUES ('late', 'vg', 'late', 'a')")
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        // Ten are saved up, and one comes with every second.
        let seconds = Int((ContinuousClock.now - startedAt).components.seconds) + 1
        let retries = bench.calls.all.count - 61
        #expect((10...10 + seconds).contains(retries), "\(retries) retries in \(seconds) s")
        #expect(bench.calls.all.contains { $0.url.contains("late") }, "sixty retries that have to wait do not hold up a first try")
        #expect(try bench.texts("SELECT DISTINCT state FROM outbox") == ["pending"], "what waits stays due")
        let next = try #require(await engine.nextDue())
        #expect(next - SystemClock.now() <= .seconds(1), "and is looked for within a second")
        // The remote is back: what is answered gives its token back, so nothing but the first token has to be waited for.
        isDown.withLock { $0 = false }
        let recoveredAt = ContinuousClock.now
        while try bench.texts("SELECT id FROM outbox WHERE state <> 'delivered'") != [] {
            try bench.write("UPDATE outbox SET due_at = created_at WHERE state = 'pending'")
            _ = await engine.run(cause: "request")
            try await Task.sleep(for: .milliseconds(20))
            guard ContinuousClock.now - recoveredAt < .seconds(30) else { break }
        }
        #expect(ContinuousClock.now - recoveredAt < .seconds(15), "sixty at one a second would take a minute")
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `what falls due while the run waits for another remote is found by the run's end`() async throws {
        let bench = try await ScriptedBench("vg", conversations: 1)
        let engine = try await bench.engine { _ in HTTPReply(status: 500) }
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        // Long ago for the clock, but after the lane looked for the last time.
        let due = SystemClock.now() + .milliseconds(20)
        try bench.write("UPDATE outbox SET due_at = ?", [due.iso8601])
        try await Task.sleep(for: .milliseconds(1100))
        #expect(try await bench.store.feedIsEmpty())
        let next = try #require(await engine.nextDue())
        #expect(next <= SystemClock.now() + .milliseconds(20))
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `a token that is replaced while a call is out: the refusal of the former one parks nothing`() async throws {
        let bench = try await ScriptedBench("vg", conversations: 1)
        let token = bench.directory.appendingPathComponent("token")
        let engine = try await bench.engine { call in
            let bearer = call.headers.first { $0.name == "Authorization" }?.value
            guard bearer == "Bearer token" else { return ScriptedBench.ok }
            try? Data("rotated".utf8).write(to: token, options: .atomic)
            // The watcher has seen it when its event is in the log.
            while !bench.log.events.contains("credential.changed") { try? await Task.sleep(for: .milliseconds(5)) }
            return HTTPReply(status: 401)
        }
        _ = await engine.run(cause: "request")
        _ = await engine.finishCalls()
        #expect(try bench.texts("SELECT state || ' ' || attempts FROM outbox") == ["delivered 1"])
        #expect(bench.calls.all.count == 2)
        #expect(!bench.log.events.contains("remote.parked"))
        await engine.stop(within: .zero)
        bench.close()
    }

    @Test func `an engine takes over the gates as the former one left them, not as they were when it was made`() async throws {
        let bench = try await ScriptedBench("vg", conversations: 1)
        let former = try await bench.engine { _ in HTTPReply(status: 401) }
        let next = try await bench.engine()
        _ = await former.run(cause: "request")
        await former.stop(within: .zero)
        #expect(try bench.texts("SELECT park_reason FROM remotes") != [])
        _ = await next.run(cause: "request")
        _ = await next.finishCalls()
        #expect(try bench.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(try bench.texts("SELECT name FROM remotes WHERE parked_at IS NULL") == ["vg"])
        #expect(bench.log.events.filter { $0.hasPrefix("remote.") } == ["remote.parked", "remote.resumed"])
        await next.stop(within: .zero)
        bench.close()
    }

    @Test func `what was learnt about a remote outlives the engine, and is forgotten when it is no longer so`() async throws {
        let bench = try await ScriptedBench("vg", "concurrency = 2\nbreaker = { min_sample = 100000 }", conversations: 2)
        let failing = try await bench.engine { _ in HTTPReply(status: 503) }
        _ = await failing.run(cause: "request")
        await failing.stop(within: .zero)
        #expect(try await bench.store.status(of: bench.configuration.remotes.map(\.participation)).remotes.first?.gate.concurrency == 1)
        try bench.write("UPDATE outbox SET due_at = created_at")
        let answering = try await bench.engine()
        _ = await answering.run(cause: "request")
        _ = await answering.finishCalls()
        #expect(try bench.texts("SELECT DISTINCT state FROM outbox") == ["delivered"])
        #expect(
            try await bench.store.status(of: bench.configuration.remotes.map(\.participation)).remotes.first?.gate == RemoteGate.Stored())
        await answering.stop(within: .zero)
        bench.close()
    }
}
