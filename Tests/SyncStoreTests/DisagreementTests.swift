import SyncCore
import Testing

@testable import SyncStore

/// For how long a remote has differed: what `status`, the state event and the metrics count, and what all alerts are based on.
@Suite struct DisagreementTests {
    private func oldest(_ scenario: StoreScenario, _ remote: RemoteParticipation = .vg) async throws -> String? {
        try await scenario.store.status(of: [remote]).remotes.first { $0.name == remote.name }?.oldestPendingAt
    }

    /// Sets the time of the changes on the feed.
    private func date(_ scenario: StoreScenario, _ moment: Instant) throws {
        try scenario.write("UPDATE change_feed SET since = ?", [moment.iso8601])
    }

    @Test func `a row that replaces an unsent one keeps the age of the disagreement`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try date(scenario, StoreScenario.start)
        try await scenario.plan(now: StoreScenario.start)
        for minute in 1...3 {
            let now = StoreScenario.start + .minutes(Int64(minute))
            try scenario.write("UPDATE conversations SET title = 'title \(minute)'")
            try date(scenario, now)
            try await scenario.plan(now: now)
        }
        #expect(
            try scenario.lines("SELECT state, created_at FROM outbox ORDER BY id DESC LIMIT 1") == [
                "pending|\((StoreScenario.start + .minutes(3)).iso8601)"
            ])
        #expect(try await oldest(scenario) == StoreScenario.start.iso8601)
        // A row that an operator has to deal with belongs to the same disagreement.
        try scenario.write("UPDATE outbox SET state = 'dead' WHERE state = 'pending'")
        #expect(try await oldest(scenario) == nil)
        try scenario.write("UPDATE conversations SET title = 'title 4'")
        try date(scenario, StoreScenario.start + .minutes(9))
        try await scenario.plan(now: StoreScenario.start + .minutes(9))
        #expect(try await oldest(scenario) == StoreScenario.start.iso8601)
    }

    @Test func `a delivery ends the disagreement, and the next change begins another one`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try date(scenario, StoreScenario.start)
        try await scenario.plan(now: StoreScenario.start)
        let claimed = try await scenario.claimOne("vg")
        #expect(try await oldest(scenario) == StoreScenario.start.iso8601, "what is on its way counts")
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try await oldest(scenario) == nil)
        try scenario.write("UPDATE conversations SET title = 'another'")
        try date(scenario, StoreScenario.start + .minutes(5))
        try await scenario.plan(now: StoreScenario.start + .minutes(6))
        #expect(try await oldest(scenario) == (StoreScenario.start + .minutes(5)).iso8601)
    }

    @Test func `a change that is not planned yet counts, at the remotes that it concerns`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("DELETE FROM links WHERE remote = 'voicebot'; DELETE FROM change_feed WHERE remote <> ''")
        try date(scenario, StoreScenario.start)
        try scenario.write("UPDATE message_feed SET since = ?", [(StoreScenario.start + .minutes(1)).iso8601])
        #expect(try await oldest(scenario, .vg) == StoreScenario.start.iso8601)
        #expect(try await oldest(scenario, .helpdesk) == StoreScenario.start.iso8601)
        #expect(try await oldest(scenario, .voicebot) == nil, "the conversation has no link there")
        #expect(try await oldest(scenario, .fin) == (StoreScenario.start + .minutes(1)).iso8601)
        // Changed once more: it has waited since the first change.
        try scenario.write("UPDATE conversations SET title = 'later'; UPDATE messages SET body = 'later'")
        #expect(try await oldest(scenario, .vg) == StoreScenario.start.iso8601)
        let status = try await scenario.store.status(of: [])
        #expect(status.unplanned == 2)
        #expect(status.unplannedSince == StoreScenario.start.iso8601)
        try await scenario.plan(now: StoreScenario.start + .minutes(2))
        #expect(try await scenario.store.status(of: []).unplannedSince == nil)
        #expect(
            try await oldest(scenario, .helpdesk) == StoreScenario.start.iso8601, "planned at the end of the run, and as old as the change")
        #expect(
            try scenario.lines("SELECT differs_since FROM outbox WHERE remote = 'fin'") == [(StoreScenario.start + .minutes(1)).iso8601])
    }

    @Test func `a change during a call counts from its own time`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try date(scenario, StoreScenario.start)
        try await scenario.plan(now: StoreScenario.start)
        let claimed = try await scenario.claimOne("vg")
        try scenario.write("UPDATE conversations SET title = 'meanwhile'")
        try date(scenario, StoreScenario.start + .minutes(1))
        try await scenario.plan(now: StoreScenario.start + .minutes(2))
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try await oldest(scenario) == (StoreScenario.start + .minutes(1)).iso8601)
        try await scenario.plan(now: StoreScenario.start + .minutes(3))
        #expect(try await oldest(scenario) == (StoreScenario.start + .minutes(1)).iso8601)
    }

    @Test func `a discarded row is counted until the conversation is planned again`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        var filter = OutboxFilter()
        filter.remote = "vg"
        _ = try await scenario.store.manage(.discard, filter, now: StoreScenario.start)
        let discarded = { try await scenario.store.status(of: [.vg]).remotes.first?.discarded }
        #expect(try await discarded() == 2)
        try scenario.write("UPDATE conversations SET title = 'again' WHERE id = 'c1'")
        try await scenario.plan()
        #expect(try await discarded() == 1)
        filter.ids = [2]
        _ = try await scenario.store.manage(.retry, filter, now: StoreScenario.start)
        try await scenario.plan()
        #expect(try await discarded() == 0)
        #expect(try scenario.outbox("state = 'pending'").count == 2)
    }

    private func report(_ word: String, at moment: Instant) -> Report {
        Report(
            remote: "vg", subject: .object(ReadRequest(remoteID: "r-c1", agentID: "agent9")),
            observation: Observation(word: word), readAt: moment)
    }

    @Test func `a discarded change stays so until the remote reports something new, and counts until both sides agree`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.plan()
        var filter = OutboxFilter()
        filter.remote = "vg"
        filter.states = [.pending]
        let steps = try await scenario.store.manage(.discard, filter, now: StoreScenario.start).steps
        #expect(steps.count == 1)
        let discarded = { try await scenario.store.status(of: [.vg]).remotes.first { $0.name == "vg" }?.discarded }
        // Polls continue to read the conversation.
        for minute in 1...3 {
            let now = StoreScenario.start + .minutes(Int64(minute))
            _ = try await scenario.store.reconcile([report("open", at: now)], scenario.inbound(now: now))
            try await scenario.plan(now: now)
        }
        #expect(try scenario.outbox("remote = 'vg' AND state = 'pending'") == [])
        #expect(try await discarded() == 1)
        // Somebody has made the change at the remote by hand.
        let later = StoreScenario.start + .hours(1)
        _ = try await scenario.store.reconcile([report("resolved", at: later)], scenario.inbound(now: later))
        #expect(try await discarded() == 0)
    }

    @Test func `a discarded refusal of one member does not keep the others from being sent`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET refused_members = '[\"title\"]' WHERE remote = 'vg' AND state = 'pending'")
        var filter = OutboxFilter()
        (filter.remote, filter.states) = ("vg", [.pending])
        #expect(try await scenario.store.manage(.discard, filter, now: StoreScenario.start).steps.count == 1)
        let now = StoreScenario.start + .minutes(1)
        _ = try await scenario.store.reconcile([report("open", at: now)], scenario.inbound(now: now))
        try await scenario.plan(now: now)
        #expect(try scenario.outbox("remote = 'vg' AND state = 'pending'").count == 1)
    }

    @Test func `a discarded state stays so when a refused member of the same conversation is discarded after it`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET status = 'resolved', title = 'refused'")
        try await scenario.plan()
        let refused = try await scenario.claimOne("vg")
        var outcome = DeliveryOutcome(.dead, httpStatus: 422, error: "HTTP 422")
        outcome.refusal = RefusedMembers(members: ["title"])
        try await scenario.finish(refused, outcome)
        try await scenario.plan()
        var filter = OutboxFilter()
        (filter.remote, filter.states) = ("vg", [.pending])
        let state = try await scenario.store.manage(.discard, filter, now: StoreScenario.start).affected
        filter.states = [.dead]
        #expect(try await scenario.store.manage(.discard, filter, now: StoreScenario.start).affected == [refused.id])
        let discarded = { try scenario.lines("SELECT discarded_row FROM link_state WHERE remote = 'vg'") }
        #expect(try discarded() == state.map { "\($0)" })
        let now = StoreScenario.start + .minutes(1)
        _ = try await scenario.store.reconcile([report("open", at: now)], scenario.inbound(now: now))
        try await scenario.plan(now: now)
        #expect(try scenario.outbox("remote = 'vg' AND state = 'pending'") == [])
        // A change makes the state due; the member stays refused and discarded.
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan(now: now)
        #expect(
            try scenario.lines("SELECT body FROM outbox WHERE remote = 'vg' AND state = 'pending'") == [#"{"status":"closed"}"#])
        #expect(try discarded() == ["\(refused.id)"])
    }

    @Test func `a message that is corrected before it is sent keeps its age`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id, name) VALUES ('u1', 'Uma')")
        try scenario.addConversations("c1")
        try scenario.write("UPDATE conversations SET user_id = 'u1'")
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("UPDATE message_feed SET since = ?", [StoreScenario.start.iso8601])
        try await scenario.plan()
        #expect(try scenario.lines("SELECT state, differs_since FROM outbox") == ["pending|\(StoreScenario.start.iso8601)"])
        try scenario.write("UPDATE messages SET body = 'corrected'")
        #expect(try await oldest(scenario, .fin) == StoreScenario.start.iso8601)
        try await scenario.plan(now: StoreScenario.start + .hours(1))
        #expect(try await oldest(scenario, .fin) == StoreScenario.start.iso8601)
    }

    @Test func `a remote that is no longer read has no failing reads`() async throws {
        let scenario = try StoreScenario([.vg])
        try await scenario.store.enterRemotes(scenario.remotes)
        try await scenario.store.noteReadFailure("vg", error: "HTTP 500", now: StoreScenario.start)
        try await scenario.store.forgetReads(of: ["voicebot"])
        #expect(try await scenario.store.storedRemotes()["vg"]?.readFailures == 1)
        try await scenario.store.forgetReads(of: ["vg"])
        #expect(try await scenario.store.status(of: [.vg]).remotes.first?.reads == ReadHealth())
    }

    @Test func `an error before the last success is not a present error`() {
        var remote = RemoteStatus(name: "vg")
        remote.lastError = "HTTP 503"
        remote.lastFailureAt = StoreScenario.start.iso8601
        #expect(remote.presentError == "HTTP 503")
        remote.lastSuccessAt = (StoreScenario.start + .seconds(1)).iso8601
        #expect(remote.presentError == nil)
    }

    @Test func `failed reads are counted until one succeeds`() async throws {
        let scenario = try StoreScenario([.vg])
        try await scenario.store.enterRemotes(scenario.remotes)
        for second in 0..<3 {
            try await scenario.store.noteReadFailure("vg", error: "HTTP 50\(second)", now: StoreScenario.start + .seconds(Int64(second)))
        }
        let reads = { try await scenario.store.status(of: [.vg]).remotes.first?.reads }
        var expected = ReadHealth()
        expected.failingSince = StoreScenario.start.iso8601
        expected.error = "HTTP 502"
        expected.failures = 3
        #expect(try await reads() == expected)
        #expect(try await scenario.store.storedRemotes()["vg"]?.readFailures == 3)
        try await scenario.store.noteRead("vg", now: StoreScenario.start + .minutes(1))
        expected = ReadHealth()
        expected.lastReadAt = (StoreScenario.start + .minutes(1)).iso8601
        #expect(try await reads() == expected)
    }
}
