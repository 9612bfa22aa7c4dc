import Fixtures
import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore
import Testing

@testable import SyncDaemon

/// Whatever the order in which Fin's events arrive, the result is that of their timestamps (docs/remotes/fin.md, "Order of events").
@Suite struct FinOrderTests {
    private static let start = SystemClock.now() - .minutes(10)
    private static let tables = """
        [assignees]
        ai = ["agent_fin", "agent_two"]
        [remotes.fin]
        url = "https://fin.example.com"
        token_file = "token"
        """

    private struct Event {
        var word: String
        var second: Int64
    }

    /// Delivers events one at a time, in this order, and processes each at once.
    /// - Parameters:
    ///   - local: the conversation before, as values of status and assignee.
    ///   - acts: SQL of the application, run after the given number of events.
    ///   - isFresh: the conversation is inserted after the events happened, and is not changed afterwards.
    /// - Returns: status, assignee, and Fin's last known status value.
    private func end(
        of order: [Event], skew: Duration = .zero, local: String = "'open', 'agent_fin'", acts: [Int: String] = [:], isFresh: Bool = false
    ) async throws -> String {
        try await ends(of: [order], skew: skew, local: local, acts: acts, isFresh: isFresh)[0]
    }

    /// Each order with a conversation of its own.
    private func ends(
        of orders: [[Event]], skew: Duration = .zero, local: String = "'open', 'agent_fin'", acts: [Int: String] = [:],
        isFresh: Bool = false
    ) async throws -> [String] {
        let scenario = try DaemonScenario(tables: Self.tables)
        try scenario.application.write(
            orders.indices.map { "INSERT INTO conversations (id, status, assignee_id) VALUES ('c\($0)', \(local))" }
                .joined(separator: "; "))
        if !isFresh {
            try scenario.write("UPDATE local_changes SET status_changed_at = ?1, assignee_changed_at = ?1", [Self.start.iso8601])
        }
        var now = Self.start + .minutes(1)
        for round in 0..<(orders.map(\.count).max() ?? 0) {
            if let act = acts[round] { try scenario.application.write(act) }
            now = now + .milliseconds(50)
            let notices = orders.enumerated().compactMap { index, order -> Notice? in
                guard round < order.count else { return nil }
                let at = Self.start + .seconds(order[round].second) + skew
                return .finStatus(conversationID: "c\(index)", word: order[round].word, at: at)
            }
            _ = try await scenario.store.take(notices, from: "fin", now: now, for: scenario.configuration.parties, processes: true)
        }
        return try scenario.texts(
            """
            SELECT c.status || ' ' || coalesce(c.assignee_id, '-') || coalesce(' ' || (s.record ->> '$.events.last.word'), '')
            FROM conversations c LEFT JOIN link_state s ON s.conversation_id = c.id ORDER BY c.rowid
            """)
    }

    private func expect(_ expected: String, from orders: [[Event]]) async throws {
        for (order, end) in zip(orders, try await ends(of: orders)) { #expect(end == expected, "\(order.map(\.word))") }
    }

    private func permutations(_ events: [Event]) -> [[Event]] {
        guard events.count > 1 else { return [events] }
        return events.indices.flatMap { index in
            var rest = events
            let event = rest.remove(at: index)
            return permutations(rest).map { [event] + $0 }
        }
    }

    @Test(arguments: [
        (["escalated", "complete"], "open - complete"), (["resolved", "complete"], "resolved agent_fin complete"),
        (["complete", "resolved"], "resolved agent_fin resolved"), (["complete", "escalated"], "open - escalated"),
        (["replying", "escalated", "complete"], "open - complete"),
        (["thinking", "replying", "awaiting_user_reply", "complete"], "open - complete"),
        (["replying", "resolved", "complete"], "resolved agent_fin complete"), (["complete"], "open - complete"),
        (["awaiting_user_reply", "thinking", "escalated"], "open - escalated"),
        (["escalated", "complete", "thinking"], "open agent_fin thinking"), (["complete", "replying"], "open agent_fin replying"),
        (["escalated", "resolved", "complete"], "resolved agent_fin complete"),
        (["resolved", "escalated", "complete"], "resolved agent_fin complete"),
        (["escalated", "complete", "resolved"], "resolved agent_fin resolved"),
    ])
    func `every order of arrival leads to the same result`(words: [String], expected: String) async throws {
        try await expect(expected, from: permutations(words.enumerated().map { Event(word: $1, second: Int64($0) + 1) }))
    }

    @Test(arguments: [
        (["escalated", "complete"], "open - complete"), (["resolved", "complete"], "resolved agent_fin complete"),
        (["replying", "complete"], "open - complete"), (["resolved", "escalated", "complete"], "resolved agent_fin complete"),
        (["thinking", "escalated"], "open - escalated"), (["awaiting_user_reply", "resolved"], "resolved agent_fin resolved"),
    ])
    func `events with the same timestamp lead to the same result in every order`(words: [String], expected: String) async throws {
        try await expect(expected, from: permutations(words.map { Event(word: $0, second: 1) }))
    }

    /// All of them say that the AI has it, which is no news.
    @Test(arguments: [("'open', NULL", "open -"), ("'closed', NULL", "closed -"), ("'open', 'jane'", "open jane")])
    func `that Fin goes on working changes nothing in any order`(local: String, expected: String) async throws {
        let orders = permutations(
            ["thinking", "replying", "awaiting_user_reply"].enumerated().map { Event(word: $1, second: Int64($0) + 1) })
        for end in try await ends(of: orders, local: local) { #expect(end == "\(expected) awaiting_user_reply") }
    }

    @Test(arguments: ["'open', 'agent_fin'", "'open', 'jane'", "'closed', 'agent_fin'", "'ended', NULL"])
    func `the order of arrival does not matter for any events and any local state`(local: String) async throws {
        let words = ["replying", "resolved", "escalated", "complete"]
        var sets: [[Event]] = []
        for first in words {
            for second in words where second != first {
                for third in words where third != second && third != first {
                    for dates: [Int64] in [[1, 2, 3], [1, 1, 2], [1, 2, 2]] {
                        sets.append(zip([first, second, third], dates).map { Event(word: $0, second: $1) })
                    }
                }
            }
        }
        let orders = sets.map(permutations)
        let found = try await ends(of: orders.flatMap { $0 }, local: local)
        for (index, set) in sets.enumerated() {
            let ends = Set(found[(index * 6)..<(index * 6 + 6)])
            #expect(ends.count == 1, "\(set.map { "\($0.word) \($0.second)" }): \(ends.sorted())")
        }
    }

    @Test(arguments: [("replying", "escalated", "open - escalated"), ("escalated", "complete", "open - complete")])
    func `an event that is dated more than a day ahead makes later ones not outdated`(
        ahead: String, later: String, expected: String
    ) async throws {
        // The first one arrives a minute after the start, and counts as of then.
        #expect(try await end(of: [Event(word: ahead, second: 200_000), Event(word: later, second: 61)]) == expected)
    }

    // MARK: The brake

    /// The words in the order in which they happened.
    @Test(arguments: [(["resolved", "complete"], false), (["resolved", "complete"], true), (["resolved", "a word of tomorrow"], false)])
    func `an end that the brake holds is adopted with its release, whatever Fin says besides without reporting a status`(
        words: [String], isReversed: Bool
    ) async throws {
        let scenario = try DaemonScenario(tables: Self.tables)
        let parties = scenario.configuration.parties
        try await scenario.store.enterRemotes(parties.remotes)
        try scenario.write("INSERT INTO conversations (id, status, assignee_id) VALUES ('c0', 'open', 'agent_fin')")
        try scenario.write("UPDATE local_changes SET status_changed_at = ?1, assignee_changed_at = ?1", [Self.start.iso8601])
        try scenario.write("UPDATE remotes SET ends_held_at = ?1 WHERE name = 'fin'", [Self.start.iso8601])
        let events = words.enumerated().map { Event(word: $1, second: Int64($0) + 1) }
        let arrived: [Event] = isReversed ? events.reversed() : events
        var now = Self.start + .minutes(1)
        for event in arrived {
            now = now + .milliseconds(50)
            let notice = Notice.finStatus(conversationID: "c0", word: event.word, at: Self.start + .seconds(event.second))
            _ = try await scenario.store.take([notice], from: "fin", now: now, for: parties, processes: true)
        }
        #expect(try scenario.texts("SELECT status FROM conversations") == ["open"])
        let released = try await scenario.store.releaseEnds(OutboxFilter(), at: ["fin"], dryRun: false, now: now)
        #expect(released == 1)
        _ = try await scenario.store.take([], from: "fin", now: now, for: parties, processes: true)
        #expect(try scenario.texts("SELECT status || ' ' || assignee_id FROM conversations") == ["resolved agent_fin"])
        #expect(try scenario.texts("SELECT conversation_id FROM link_state WHERE braked_at IS NOT NULL") == [])
    }

    // MARK: Responses

    /// Fin escalates while the call is in flight, and accepts the message with a status from before that.
    @Test(arguments: ["", #","created_at_ms":"now""#, #","created_at_ms":1737712800123"#])
    func `a response does not undo what Fin has reported during the call`(date: String) async throws {
        let scenario = try DaemonScenario(tables: Self.tables)
        try scenario.application.write(
            """
            INSERT INTO users (id) VALUES ('u1');
            INSERT INTO conversations (id, status, assignee_id, user_id) VALUES ('c0', 'open', 'agent_fin', 'u1')
            """)
        let respond: DaemonScenario.Response = {
            [store = scenario.store, parties = scenario.configuration.parties] _ async throws(TransportFailure) -> HTTPReply in
            let now = SystemClock.now()
            do {
                let escalated = Notice.finStatus(conversationID: "c0", word: "escalated", at: now)
                _ = try await store.take([escalated], from: "fin", now: now, for: parties, processes: true)
            } catch {
                throw TransportFailure(.other, detail: "\(error)")
            }
            return HTTPReply(status: 200, body: Array(#"{"conversation_id":"c0","status":"thinking"\#(date)}"#.utf8))
        }
        let engine = try await scenario.engine(respond)
        try scenario.application.addMessage("m1", of: "c0", body: "Where is my parcel?")
        try await engine.run()
        await engine.stop()
        #expect(try scenario.texts("SELECT state FROM outbox") == ["delivered"])
        #expect(try scenario.texts("SELECT status || ' ' || coalesce(assignee_id, '-') FROM conversations") == ["open -"])
    }

    // MARK: Another configuration

    @Test(arguments: [
        ("parked", "", "[remotes.fin.status.inbound]\nparked = { status = \"open\", owner = \"none\" }"), ("escalated", "adopt = []", ""),
    ])
    func `what Fin has said is decided again with another map or another adopt`(
        word: String, before: String, after: String
    ) async throws {
        let scenario = try DaemonScenario(tables: "\(Self.tables)\n\(before)")
        try scenario.write("INSERT INTO conversations (id, status, assignee_id) VALUES ('c0', 'open', 'agent_fin')")
        let engine = try await scenario.engine()
        try await engine.run()
        let notice = Notice.finStatus(conversationID: "c0", word: word, at: SystemClock.now())
        _ = try await engine.owner.receive([notice], from: "fin")
        try await engine.run()
        let state = "SELECT status || ' ' || coalesce(assignee_id, '-') FROM conversations"
        #expect(try scenario.texts(state) == ["open agent_fin"])
        let fresh = try scenario.configured(tables: "\(Self.tables)\n\(after)")
        try await engine.owner.configure(fresh, try fresh.readCredentials(.token))
        try await engine.run()
        #expect(try scenario.texts(state) == ["open -"])
        #expect(try scenario.texts("SELECT name FROM remotes WHERE replan_cursor IS NOT NULL") == [])
        await engine.stop()
    }

    /// `parked` is older than the other one, arrives after it, and gets its meaning after that.
    @Test(arguments: [
        ("awaiting_user_reply", "{ status = \"open\", owner = \"none\" }", "open agent_fin"),
        ("complete", "{ status = \"open\", owner = \"ai\" }", "open -"),
        ("escalated", "{ status = \"resolved\" }", "resolved agent_fin"),
    ])
    func `a late status value that gets a meaning has its place in the order of events`(
        later: String, meaning: String, expected: String
    ) async throws {
        let scenario = try DaemonScenario(tables: Self.tables)
        try scenario.write("INSERT INTO conversations (id, status, assignee_id) VALUES ('c0', 'open', 'agent_fin')")
        let engine = try await scenario.engine()
        try await engine.run()
        for event in [Event(word: later, second: 10), Event(word: "parked", second: 5)] {
            let notice = Notice.finStatus(conversationID: "c0", word: event.word, at: Self.start + .seconds(event.second))
            _ = try await engine.owner.receive([notice], from: "fin")
            try await engine.run()
        }
        let fresh = try scenario.configured(tables: "\(Self.tables)\n[remotes.fin.status.inbound]\nparked = \(meaning)")
        try await engine.owner.configure(fresh, try fresh.readCredentials(.token))
        try await engine.run()
        #expect(try scenario.texts("SELECT status || ' ' || coalesce(assignee_id, '-') FROM conversations") == [expected])
        await engine.stop()
    }

    @Test func `a late status value that has got a meaning is not adopted with the next event either`() async throws {
        let scenario = try DaemonScenario(tables: Self.tables)
        try scenario.write("INSERT INTO conversations (id, status, assignee_id) VALUES ('c0', 'open', 'agent_fin')")
        try scenario.write("UPDATE local_changes SET status_changed_at = ?1, assignee_changed_at = ?1", [Self.start.iso8601])
        let fresh = try scenario.configured(
            tables: "\(Self.tables)\n[remotes.fin.status.inbound]\nparked = { status = \"open\", owner = \"none\" }")
        var now = Self.start + .minutes(1)
        let events = [
            Event(word: "awaiting_user_reply", second: 10), Event(word: "parked", second: 5), Event(word: "replying", second: 7),
        ]
        for event in events {
            now = now + .milliseconds(50)
            let notice = Notice.finStatus(conversationID: "c0", word: event.word, at: Self.start + .seconds(event.second))
            let parties = event.word == "replying" ? fresh.parties : scenario.configuration.parties
            _ = try await scenario.store.take([notice], from: "fin", now: now, for: parties, processes: true)
        }
        #expect(try scenario.texts("SELECT status || ' ' || coalesce(assignee_id, '-') FROM conversations") == ["open agent_fin"])
    }

    // MARK: Local changes

    @Test func `a complete event removes no person, and neither finishes nor reopens a conversation`() async throws {
        for (local, expected) in [
            ("'open', 'jane'", "open jane complete"), ("'closed', 'agent_fin'", "closed agent_fin complete"),
            ("'open', NULL", "open - complete"), ("'ended', 'jane'", "ended jane complete"),
        ] {
            #expect(try await end(of: [Event(word: "complete", second: 1)], local: local) == expected)
        }
    }

    @Test func `a conversation that the AI resolved is assigned to it again, unless somebody was assigned since`() async throws {
        let events = [Event(word: "complete", second: 2), Event(word: "resolved", second: 1)]
        #expect(try await end(of: events) == "resolved agent_fin complete")
        let jane = "UPDATE conversations SET assignee_id = 'jane'"
        #expect(try await end(of: events, acts: [1: jane]) == "resolved jane complete")
        let nobody = "UPDATE conversations SET assignee_id = 'jane'; UPDATE conversations SET assignee_id = NULL"
        #expect(try await end(of: events, acts: [1: nobody]) == "resolved - complete")
        // A local close is the later change.
        let closed = "UPDATE conversations SET status = 'closed'"
        #expect(try await end(of: events, acts: [1: closed]) == "closed - complete")
    }

    @Test func `events from before the INSERT of a conversation count, and later local changes win against them`() async throws {
        for (word, expected) in [
            ("escalated", "open - escalated"), ("complete", "open - complete"), ("resolved", "resolved agent_fin resolved"),
        ] {
            let events = [Event(word: word, second: 1)]
            #expect(try await end(of: events, isFresh: true) == expected)
            let acts = [0: "UPDATE conversations SET status = 'closed', assignee_id = 'jane'"]
            #expect(try await end(of: events, acts: acts, isFresh: true).hasPrefix("closed jane"), "\(word)")
        }
        // An INSERT OR REPLACE of an existing conversation is a change of the columns that differ.
        let replaced = [0: "INSERT OR REPLACE INTO conversations (id, status, assignee_id) VALUES ('c0', 'open', 'agent_two')"]
        #expect(try await end(of: [Event(word: "complete", second: 1)], acts: replaced, isFresh: true) == "open agent_two complete")
    }

    @Test(arguments: [Duration.minutes(5), Duration.milliseconds(-300_000)])
    func `the order of arrival does not matter if Fin's clock is wrong by five minutes`(skew: Duration) async throws {
        // Behind: an event dated before the local change loses to it. Ahead: an adopted change is dated now at most.
        let events = [Event(word: "escalated", second: 1), Event(word: "complete", second: 2)]
        let inOrder = try await end(of: events, skew: skew)
        #expect(try await end(of: events.reversed(), skew: skew) == inOrder)
    }
}
