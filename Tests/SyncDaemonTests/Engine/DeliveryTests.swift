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
        let scenario = try DaemonScenario("fin", "rate = \"1/h\"")
        for (id, conversation) in [("m1", "c1"), ("m2", "c2")] {
            try scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', 'x')", [id, conversation])
        }
        let planning = try await scenario.engine { _ throws(TransportFailure) in throw TransportFailure(.connectionRefused, detail: "x") }
        try await planning.run()
        await planning.stop()
        let before = scenario.calls.all.count
        // Sent six minutes ago and in doubt: repeating it would be a second message.
        let now = SystemClock.now()
        try scenario.write(
            "UPDATE outbox SET due_at = ?1, in_doubt_since = ?2 WHERE message_id = 'm1'",
            [(now - .minutes(1)).iso8601, (now - .minutes(6)).iso8601])
        try scenario.write("UPDATE outbox SET due_at = ? WHERE message_id = 'm2'", [now.iso8601])
        try scenario.write("UPDATE remotes SET breaker_open_until = ?, breaker_openings = 1", [(now - .seconds(1)).iso8601])
        let engine = try await scenario.engine()
        try await engine.run()
        #expect(
            try scenario.texts("SELECT message_id || ' ' || state FROM outbox ORDER BY message_id") == ["m1 uncertain", "m2 delivered"])
        #expect(scenario.calls.all.count - before == 1)
        #expect(scenario.log.events.filter { $0.hasPrefix("breaker.") } == ["breaker.half_open", "breaker.closed"])
        await engine.stop()
    }

    @Test(arguments: ["60/h", "1/h", "1/min"])
    func `no row is claimed before the rate admits its call, and waiting rows are claimed when it does`(rate: String) async throws {
        let scenario = try DaemonScenario("vg", "rate = \"\(rate)\"", conversations: 20)
        let engine = try await scenario.engine()
        let summary = try await engine.run()
        #expect(scenario.calls.all.count == 1)
        #expect(try scenario.texts("SELECT state || count(*) FROM outbox GROUP BY state ORDER BY state") == ["delivered1", "pending19"])
        let limit = try #require(RateLimit(rate))
        let next = try #require(summary.nextDue)
        let wait = Duration.milliseconds(limit.period.milliseconds / Int64(limit.calls))
        let left = next - SystemClock.now()
        #expect(left <= wait && left + .seconds(30) > wait)
        // Turns that happen meanwhile, for whatever reason, leave the rows as they are.
        let touched = try scenario.texts("SELECT max(updated_at) FROM outbox WHERE state = 'pending'")
        for _ in 0..<3 { try await engine.run() }
        #expect(scenario.calls.all.count == 1)
        #expect(try scenario.texts("SELECT max(updated_at) FROM outbox WHERE state = 'pending'") == touched)
        await engine.stop()
    }

    @Test func `a rate that is used up does not delay a drain if nothing waits`() async throws {
        let scenario = try DaemonScenario("vg", "rate = \"6/min\"", conversations: 1)
        let engine = try await scenario.engine()
        let startedAt = ContinuousClock.now
        try await engine.run()
        let summary = try await engine.run()
        #expect(ContinuousClock.now - startedAt < .seconds(9))
        #expect(try scenario.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(summary.nextDue == nil)
        await engine.stop()
    }

    @Test func `a rate of some calls a second is kept and used completely`() async throws {
        let scenario = try DaemonScenario("vg", "rate = \"20/s\"", conversations: 60)
        let engine = try await scenario.engine()
        let startedAt = ContinuousClock.now
        try await engine.run()
        let duration = ContinuousClock.now - startedAt
        #expect(scenario.calls.all.count == 60)
        // Twenty at once, forty in two seconds; one at a time would take forty. A busy machine takes longer.
        #expect(duration >= .milliseconds(1900) && duration < .seconds(30), "\(duration)")
        await engine.stop()
    }

    @Test func `a drain ends when its calls have ended, and reports when a failed row is due again`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let engine = try await scenario.engine { _ in
            begin.yield()
            for await _ in released { break }
            return HTTPReply(status: 500)
        }
        async let summary = engine.run()
        for await _ in begun { break }
        #expect(await engine.owner.health().inFlight == 1)
        release.yield()
        let next = try #require(try await summary.nextDue)
        let rows = try scenario.texts("SELECT state || attempts || due_at FROM outbox")
        #expect(next - SystemClock.now() > .minutes(20), "\(rows)")
        #expect(try scenario.texts("SELECT state || attempts FROM outbox") == ["pending1"])
        await engine.stop()
    }

    @Test func `an object whose response contradicts the call is read, also without polls and webhook calls`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let body = Array(#"{"success":true,"data":{"ID":"v1","state":"ended_chat"}}"#.utf8)
        let engine = try await scenario.engine { _ in HTTPReply(status: 200, body: body) }
        try await engine.run()
        #expect(scenario.calls.all.map(\.method).contains("GET"))
        #expect(try scenario.texts("SELECT status FROM conversations") == ["ended"])
        await engine.stop()
    }

    @Test func `an object that may not be read after a contradicting response is reported, and no read has failed`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let body = Array(#"{"success":true,"data":{"ID":"v1","state":"ended_chat"}}"#.utf8)
        let engine = try await scenario.engine { call in
            call.method == "GET" ? HTTPReply(status: 403) : HTTPReply(status: 200, body: body)
        }
        try await engine.run()
        #expect(scenario.calls.all.map(\.method).contains("GET"))
        #expect(try scenario.texts("SELECT remote_id FROM read_requests") == [])
        #expect(try scenario.texts("SELECT name FROM remotes WHERE read_failing_since IS NOT NULL") == [])
        await engine.stop()
        #expect(scenario.log.events.filter { $0.hasPrefix("poll.") } == ["poll.unreadable"])
    }

    @Test func `many rows that failed before do not delay a first attempt`() async throws {
        let scenario = try DaemonScenario("vg", "concurrency = 4\nbreaker = { min_sample = 100000 }", conversations: 60)
        let engine = try await scenario.engine { _ in HTTPReply(status: 500) }
        try await engine.run()
        #expect(scenario.calls.all.count == 60)
        try scenario.write("UPDATE outbox SET due_at = created_at")
        try scenario.write("INSERT INTO conversations (id) VALUES ('late')")
        try scenario.write("INSERT INTO links VALUES ('late', 'vg', 'late', 'a')")
        try await engine.run()
        let later = scenario.calls.all.dropFirst(60)
        #expect(later.count == 61)
        let position = try #require(later.firstIndex { $0.url.contains("late") }) - later.startIndex
        #expect(position < 20, "the first attempt is call \(position)")
        await engine.stop()
    }

    @Test func `a refusal of the former token does not park the remote if the token was replaced during the call`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let engine = try await scenario.engine { call in
            let bearer = call.headers.first { $0.name == "Authorization" }?.value
            guard bearer == "Bearer token" else { return DaemonScenario.ok }
            do {
                try scenario.directory.write("rotated", to: "token")
            } catch {
                Issue.record(error)
            }
            // The watcher has handled it when its event is in the log.
            await scenario.log.wait(for: "credential.changed")
            return HTTPReply(status: 401)
        }
        try await engine.run()
        try await engine.run()
        #expect(try scenario.texts("SELECT state || ' ' || attempts FROM outbox") == ["delivered 1"])
        #expect(scenario.calls.all.count == 2)
        #expect(!scenario.log.events.contains("remote.parked"))
        await engine.stop()
    }

    @Test(arguments: [400, 409, 429, 503])
    func `a message whose repetition is refused is in doubt because of the first attempt`(status: Int) async throws {
        for isRepeated in [false, true] {
            let scenario = try DaemonScenario("fin")
            try scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', 'x')")
            let engine = try await scenario.engine { _ in
                HTTPReply(status: status, headers: ["retry-after": "600"], mayHaveBeenAppliedBefore: isRepeated)
            }
            try await engine.run()
            await engine.stop()
            let unsent = status == 400 || status == 409 ? "dead" : "pending"
            #expect(try scenario.texts("SELECT state FROM outbox") == [isRepeated ? "uncertain" : unsent])
            #expect(try scenario.texts("SELECT message_id FROM outbox WHERE in_doubt_since IS NOT NULL").count == (isRepeated ? 1 : 0))
        }
    }

    @Test func `the fields of a call whose repetition is refused are in doubt`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let engine = try await scenario.engine { _ in HTTPReply(status: 409, mayHaveBeenAppliedBefore: true) }
        try await engine.run()
        await engine.stop()
        #expect(try scenario.texts("SELECT state FROM outbox") == ["dead"])
        #expect(try scenario.texts("SELECT key FROM link_state, json_each(fields) WHERE json_type(value, '$.doubt') = 'array'") != [])
    }

    @Test func `a repetition that is acknowledged leaves nothing in doubt`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let engine = try await scenario.engine { _ in
            HTTPReply(status: 200, body: DaemonScenario.ok.body, mayHaveBeenAppliedBefore: true)
        }
        try await engine.run()
        await engine.stop()
        #expect(try scenario.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(try scenario.texts("SELECT key FROM link_state, json_each(fields) WHERE json_type(value, '$.doubt') = 'array'") == [])
    }

    @Test func `an engine continues with the gates that the previous one stored`() async throws {
        let scenario = try DaemonScenario("vg", conversations: 1)
        let former = try await scenario.engine { _ in HTTPReply(status: 401) }
        try await former.run()
        await former.stop()
        #expect(try scenario.texts("SELECT park_reason FROM remotes WHERE park_reason IS NOT NULL") != [])
        let next = try await scenario.engine()
        try await next.run()
        #expect(try scenario.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(try scenario.texts("SELECT name FROM remotes WHERE parked_at IS NULL") == ["vg"])
        #expect(scenario.log.events.filter { $0.hasPrefix("remote.") } == ["remote.parked", "remote.resumed"])
        await next.stop()
    }

    @Test func `a lowered concurrency is kept for the next engine, and forgotten once it is restored`() async throws {
        let scenario = try DaemonScenario("vg", "concurrency = 2\nbreaker = { min_sample = 100000 }", conversations: 2)
        let failing = try await scenario.engine { _ in HTTPReply(status: 503) }
        try await failing.run()
        await failing.stop()
        #expect(try await scenario.storedGate()?.concurrency == 1)
        try scenario.write("UPDATE outbox SET due_at = created_at")
        let responding = try await scenario.engine()
        try await responding.run()
        #expect(try scenario.texts("SELECT DISTINCT state FROM outbox") == ["delivered"])
        #expect(try await scenario.storedGate() == RemoteGate.Stored())
        await responding.stop()
    }
}
