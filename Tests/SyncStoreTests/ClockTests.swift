import SyncCore
import Testing

@testable import SyncStore

/// A wall clock that was set: stored waits are moved, and timestamps from before do not make later ones outdated.
@Suite struct ClockTests {
    private static let hour = Duration.hours(1)

    @Test(arguments: [Duration.hours(1), .hours(-3), .milliseconds(-2501), .milliseconds(2001)])
    func `stored times that are waited for move with the clock`(step: Duration) async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        try scenario.addConversations("c1", "c2", "c3")
        try await scenario.plan()
        let columns = ["due_at", "lease_until", "passed_over_at", "counted_since", "in_doubt_since"]
        let time = StoreScenario.start.iso8601
        try scenario.write("UPDATE outbox SET \(columns.map { "\($0) = '\(time)'" }.joined(separator: ", "))")
        try scenario.write(
            """
            UPDATE outbox SET due_at = 'soon', lease_until = NULL, in_doubt_since = '2026-03-01T12:00:00Z' WHERE id = 2;
            UPDATE outbox SET state = 'delivered', finished_at = '\(time)' WHERE id = 3;
            INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, waits_since) VALUES ('c1', 'helpdesk', 'x', 3, '\(time)')
            """)
        let exchange = scenario.exchange { $0.clockStep = step }
        #expect(!exchange.mayOnlyRead)
        #expect(try await scenario.store.exchange(exchange, for: scenario.parties()).problems == [])
        let moved = (StoreScenario.start + step).iso8601
        let query = "SELECT \(columns.joined(separator: ", ")) FROM outbox WHERE id ="
        #expect(try scenario.lines("\(query) 1") == [columns.map { _ in moved }.joined(separator: "|")])
        #expect(try scenario.lines("\(query) 2") == ["soon|-|\(moved)|\(moved)|\(moved)"], "what is no time stays")
        #expect(try scenario.lines("\(query) 3") == [columns.map { _ in time }.joined(separator: "|")], "it is finished")
        #expect(try scenario.lines("SELECT waits_since FROM change_feed") == [moved])
    }

    private static let boot = ProcessIdentity(bootID: "b", pidNamespace: "n", pid: 1, startedTicks: 1)

    private func dueAt(_ scenario: StoreScenario) throws -> String? { try scenario.lines("SELECT due_at FROM outbox").first }

    @Test func `of several processes that notice a step one moves the times`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        _ = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: StoreScenario.start, uptime: .minutes(1)))
        try await scenario.plan()
        for _ in 0..<3 {
            let exchange = scenario.exchange {
                ($0.now, $0.uptime, $0.clockStep) = (StoreScenario.start + Self.hour, .minutes(1), Self.hour)
            }
            _ = try await scenario.store.exchange(exchange, for: scenario.parties())
        }
        #expect(try dueAt(scenario) == (StoreScenario.start + Self.hour).iso8601)
        // One has slept through the next two steps, and another one through the first of them.
        for (wall, step) in [(Duration.hours(-1), Duration.hours(-2)), (.hours(4), .hours(5)), (.hours(4), .hours(3))] {
            let exchange = scenario.exchange {
                ($0.now, $0.uptime, $0.clockStep) = (StoreScenario.start + wall, .minutes(1), step)
            }
            _ = try await scenario.store.exchange(exchange, for: scenario.parties())
            #expect(try dueAt(scenario) == (StoreScenario.start + wall).iso8601)
        }
    }

    @Test(arguments: [Duration.hours(1), .hours(-3), .seconds(1)])
    func `a clock that was set while no process ran moves the times at the next start`(step: Duration) async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        _ = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: StoreScenario.start, uptime: .minutes(1)))
        try await scenario.plan()
        try scenario.write("UPDATE remotes SET throttled_until = '\(StoreScenario.start.iso8601)'")
        let later = Now(wall: StoreScenario.start + .minutes(5) + step, uptime: .minutes(6))
        let moved = StoreScenario.start + (step == .seconds(1) ? .zero : step)
        for _ in 0..<2 {
            _ = try await scenario.store.start(Self.boot, for: scenario.parties(), later)
            #expect(try dueAt(scenario) == moved.iso8601)
            #expect(try scenario.lines("SELECT throttled_until FROM remotes") == [moved.iso8601])
        }
        // After the machine has started again, nothing is known of the clock before, as long as it is not behind.
        let next = ProcessIdentity(bootID: "b2", pidNamespace: "n", pid: 1, startedTicks: 1)
        _ = try await scenario.store.start(next, for: scenario.parties(), Now(wall: later.wall, uptime: .seconds(3)))
        #expect(try dueAt(scenario) == moved.iso8601)
        #expect(try scenario.lines("SELECT boot_id FROM clock") == ["b2"])
    }

    @Test(arguments: ["b2", ""])
    func `a clock that is behind what was last written when the machine starts moves the times back`(boot: String) async throws {
        let scenario = try StoreScenario([.vg])
        let (start, hour) = (StoreScenario.start, Self.hour)
        try scenario.addConversations("c1")
        _ = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: start, uptime: .minutes(1)))
        let (written, until) = (start + hour, start + hour + .minutes(2))
        _ = try await scenario.plan(now: written)
        _ = try await scenario.exchange("vg", gate: RemoteGate.Stored(throttledUntil: until), now: written)
        let next = ProcessIdentity(bootID: boot, pidNamespace: "n", pid: 1, startedTicks: 1)
        for _ in 0..<2 {
            _ = try await scenario.store.start(next, for: scenario.parties(), Now(wall: written - hour * 4, uptime: .seconds(20)))
            #expect(try dueAt(scenario) == (written - hour * 4).iso8601)
            #expect(try scenario.lines("SELECT throttled_until FROM remotes") == [(until - hour * 4).iso8601])
        }
        // The clock is set right while the machine runs.
        let right = scenario.exchange { ($0.now, $0.uptime, $0.clockStep) = (written + .minutes(1), .seconds(20), hour * 4 + .minutes(1)) }
        _ = try await scenario.store.exchange(right, for: scenario.parties())
        #expect(try scenario.lines("SELECT throttled_until FROM remotes") == [(until + .minutes(1)).iso8601])
    }

    @Test func `starts of the machine that cannot be told apart move no times`() async throws {
        let unknown = ProcessIdentity(bootID: "", pidNamespace: "n", pid: 1, startedTicks: 1)
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        _ = try await scenario.store.start(unknown, for: scenario.parties(), Now(wall: StoreScenario.start, uptime: .minutes(1)))
        try await scenario.plan()
        // The machine has started again: its uptime begins again.
        let later = Now(wall: StoreScenario.start + .minutes(5), uptime: .seconds(3))
        _ = try await scenario.store.start(unknown, for: scenario.parties(), later)
        #expect(try dueAt(scenario) == StoreScenario.start.iso8601)
        // Steps that are noticed while it runs are.
        let step = scenario.exchange {
            ($0.now, $0.uptime, $0.clockStep) = (later.wall + Self.hour, .seconds(3), Self.hour)
        }
        _ = try await scenario.store.exchange(step, for: scenario.parties())
        #expect(try dueAt(scenario) == (StoreScenario.start + Self.hour).iso8601)
    }

    /// An exchange of a process that has not noticed a step yet: it was made before, and waited for the write lock.
    @Test func `an exchange from before a step leaves no time of the old clock behind`() async throws {
        let scenario = try StoreScenario([.vg])
        let (start, hour) = (StoreScenario.start, Self.hour)
        let process = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: start, uptime: .minutes(1))).processID
        _ = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: start - hour, uptime: .minutes(1)))
        try scenario.addConversations("c1")
        func exchange(_ change: (inout SyncCore.Exchange) -> Void) async throws -> ExchangeResult {
            try await scenario.store.exchange(
                scenario.exchange {
                    ($0.uptime, $0.leases.processID) = (.minutes(1), process)
                    change(&$0)
                }, for: scenario.parties())
        }
        for _ in 0..<2 { _ = try await exchange { ($0.now, $0.plan) = (start, scenario.page()) } }
        #expect(try dueAt(scenario) == start.iso8601)
        // What follows has nothing else to write.
        #expect(try await exchange { $0.now = start - hour }.hasWritten)
        #expect(try dueAt(scenario) == (start - hour).iso8601)
        #expect(try await !exchange { $0.now = start - hour }.hasWritten)
    }

    @Test func `what a command makes due after a step is not moved again`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        _ = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: StoreScenario.start, uptime: .minutes(1)))
        try await scenario.plan()
        let later = Now(wall: StoreScenario.start + Self.hour, uptime: .minutes(1))
        try await scenario.store.followClock(later, boot: Self.boot.bootID)
        _ = try await scenario.store.manage(.retry, OutboxFilter(), now: later.wall)
        let exchange = scenario.exchange { ($0.now, $0.uptime, $0.clockStep) = (later.wall, later.uptime, Self.hour) }
        _ = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(try dueAt(scenario) == later.wall.iso8601)
    }

    @Test func `a message whose call was interrupted before a step has been in doubt since the call began`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        let start = StoreScenario.start
        _ = try await scenario.store.start(Self.boot, for: scenario.parties(), Now(wall: start, uptime: .minutes(1)))
        try await scenario.plan()
        #expect(try await scenario.exchange("fin", claim: 1).claimed.count == 1)
        let later = Now(wall: start - Self.hour + .minutes(2), uptime: .minutes(3))
        #expect(try await scenario.store.start(Self.boot, for: scenario.parties(), later).recovered == 1)
        #expect(try scenario.lines("SELECT in_doubt_since FROM outbox") == [(start - Self.hour).iso8601])
    }

    /// Reconciles a report that was read a second before the given time.
    private func report(_ scenario: StoreScenario, _ word: String, at: Instant) async throws -> [Reconciled] {
        let report = Report(
            remote: "vg", subject: .object(ReadRequest(remoteID: "r-c1", agentID: "agent9")), observation: Observation(word: word),
            readAt: at - .seconds(1))
        return try await scenario.store.reconcile([report], scenario.inbound(now: at))
    }

    @Test func `a report after the clock was set back is not older than reports from before`() async throws {
        let scenario = try await StoreScenario.converged()
        let back = StoreScenario.start - Self.hour
        #expect(try await report(scenario, "closed", at: back).map(\.verdict.kind) == [.adopted])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["closed"])
    }

    /// A process was suspended after it had made the exchange; another one has read the object meanwhile.
    @Test func `an exchange that is carried out late takes nothing that others have stored meanwhile for a clock that was set back`()
        async throws
    {
        let scenario = try await StoreScenario.converged()
        let start = StoreScenario.start
        try scenario.write("UPDATE local_changes SET status_changed_at = ?", [(start + .seconds(150)).iso8601])
        _ = try await report(scenario, "open", at: start + .minutes(3))
        var part = ReadRequestsPart(remote: "vg")
        part.reports = [
            Report(
                remote: "vg", subject: .object(ReadRequest(remoteID: "r-c1", agentID: "agent9")), observation: Observation(word: "closed"),
                readAt: start + .seconds(10))
        ]
        let exchange = scenario.exchange(now: start + .seconds(100)) { ($0.uptime, $0.reads) = (.seconds(100), [part]) }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties(uptime: { .seconds(300) }))
        #expect(result.reads["vg"]?.reconciled.map(\.verdict.kind) == [.stale])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.lines("SELECT status_changed_at FROM local_changes") == [(start + .seconds(150)).iso8601])
    }

    @Test func `a clock that is corrected by a second does not make an overtaken report new`() async throws {
        let scenario = try await StoreScenario.converged()
        #expect(try await report(scenario, "closed", at: StoreScenario.start - .milliseconds(500)).map(\.verdict.kind) == [.stale])
    }

    @Test func `a local change from before the clock was set back is older than a later read`() async throws {
        let scenario = try await StoreScenario.converged()
        let back = StoreScenario.start - Self.hour
        try scenario.write(
            "UPDATE local_changes SET title_changed_at = ?, status_changed_at = ?",
            [StoreScenario.start.iso8601, StoreScenario.start.iso8601])
        _ = try await report(scenario, "open", at: back)
        #expect(try scenario.lines("SELECT status_changed_at, title_changed_at FROM local_changes") == ["\(back.iso8601)|\(back.iso8601)"])
    }
}
