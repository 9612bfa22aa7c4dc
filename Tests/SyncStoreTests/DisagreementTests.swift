import SyncCore
import Testing

@testable import SyncStore

/// For how long a remote has differed: what `status`, the state event and the metrics count, and what all alerts are based on.
@Suite struct DisagreementTests {
    private func oldest(_ bench: Bench, _ remote: RemoteParticipation = .vg) async throws -> String? {
        try await bench.store.status(of: [remote]).remotes.first { $0.name == remote.name }?.oldestPendingAt
    }

    /// Sets the time of the changes on the feed.
    private func date(_ bench: Bench, _ moment: Instant) throws {
        try bench.write("UPDATE change_feed SET since = ?", [moment.iso8601])
    }

    @Test func `a row that replaces an unsent one keeps the age of the disagreement`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try date(bench, Bench.start)
        try await bench.plan(now: Bench.start)
        for minute in 1...3 {
            let now = Bench.start + .minutes(Int64(minute))
            try bench.write("UPDATE conversations SET title = 'title \(minute)'")
            try date(bench, now)
            try await bench.plan(now: now)
        }
        #expect(
            try bench.lines("SELECT state, created_at FROM outbox ORDER BY id DESC LIMIT 1") == [
                "pending|\((Bench.start + .minutes(3)).iso8601)"
            ])
        #expect(try await oldest(bench) == Bench.start.iso8601)
        // A row that an operator has to deal with belongs to the same disagreement.
        try bench.write("UPDATE outbox SET state = 'dead' WHERE state = 'pending'")
        #expect(try await oldest(bench) == nil)
        try bench.write("UPDATE conversations SET title = 'title 4'")
        try date(bench, Bench.start + .minutes(9))
        try await bench.plan(now: Bench.start + .minutes(9))
        #expect(try await oldest(bench) == Bench.start.iso8601)
    }

    @Test func `a delivery ends the disagreement, and the next change begins another one`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try date(bench, Bench.start)
        try await bench.plan(now: Bench.start)
        let claimed = try await bench.claimOne("vg")
        #expect(try await oldest(bench) == Bench.start.iso8601, "what is on its way counts")
        try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try await oldest(bench) == nil)
        try bench.write("UPDATE conversations SET title = 'another'")
        try date(bench, Bench.start + .minutes(5))
        try await bench.plan(now: Bench.start + .minutes(6))
        #expect(try await oldest(bench) == (Bench.start + .minutes(5)).iso8601)
    }

    @Test func `a change that is not planned yet counts, at the remotes that it concerns`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try bench.addMessage("m1", of: "c1")
        try bench.write("DELETE FROM links WHERE remote = 'voicebot'; DELETE FROM change_feed WHERE remote <> ''")
        try date(bench, Bench.start)
        try bench.write("UPDATE message_feed SET since = ?", [(Bench.start + .minutes(1)).iso8601])
        #expect(try await oldest(bench, .vg) == Bench.start.iso8601)
        #expect(try await oldest(bench, .helpdesk) == Bench.start.iso8601)
        #expect(try await oldest(bench, .voicebot) == nil, "the conversation has no link there")
        #expect(try await oldest(bench, .fin) == (Bench.start + .minutes(1)).iso8601)
        // Changed once more: it has waited since the first change.
        try bench.write("UPDATE conversations SET title = 'later'; UPDATE messages SET body = 'later'")
        #expect(try await oldest(bench, .vg) == Bench.start.iso8601)
        let status = try await bench.store.status(of: [])
        #expect(status.unplanned == 2)
        #expect(status.unplannedSince == Bench.start.iso8601)
        try await bench.plan(now: Bench.start + .minutes(2))
        #expect(try await bench.store.status(of: []).unplannedSince == nil)
        #expect(try await oldest(bench, .helpdesk) == Bench.start.iso8601, "planned at the end of the run, and as old as the change")
        #expect(try bench.lines("SELECT differs_since FROM outbox WHERE remote = 'fin'") == [(Bench.start + .minutes(1)).iso8601])
    }

    @Test func `a change during a call counts from its own time`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try date(bench, Bench.start)
        try await bench.plan(now: Bench.start)
        let claimed = try await bench.claimOne("vg")
        try bench.write("UPDATE conversations SET title = 'meanwhile'")
        try date(bench, Bench.start + .minutes(1))
        try await bench.plan(now: Bench.start + .minutes(2))
        try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try await oldest(bench) == (Bench.start + .minutes(1)).iso8601)
        try await bench.plan(now: Bench.start + .minutes(3))
        #expect(try await oldest(bench) == (Bench.start + .minutes(1)).iso8601)
    }

    @Test func `a discarded row is counted until the conversation is planned again`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        var filter = OutboxFilter()
        filter.remote = "vg"
        _ = try await bench.store.steer(.discard, filter, now: Bench.start)
        let discarded = { try await bench.store.status(of: [.vg]).remotes.first?.discarded }
        #expect(try await discarded() == 2)
        try bench.write("UPDATE conversations SET title = 'again' WHERE id = 'c1'")
        try await bench.plan()
        #expect(try await discarded() == 1)
        filter.ids = [2]
        _ = try await bench.store.steer(.retry, filter, now: Bench.start)
        try await bench.plan()
        #expect(try await discarded() == 0)
        #expect(try bench.outbox("state = 'pending'").count == 2)
    }

    private func report(_ word: String, at moment: Instant) -> Report {
        Report(
            remote: "vg", subject: .object(ReadRequest(remoteID: "r-c1", agentID: "agent9")),
            observation: Observation(word: word), readAt: moment)
    }

    @Test func `a discarded change stays so until the remote reports something new, and counts until both sides agree`() async throws {
        let bench = try await Bench.converged()
        try bench.write("UPDATE conversations SET status = 'resolved'")
        try await bench.plan()
        var filter = OutboxFilter()
        filter.remote = "vg"
        filter.states = [.pending]
        let steps = try await bench.store.steer(.discard, filter, now: Bench.start).steps
        #expect(steps.count == 1)
        let discarded = { try await bench.store.status(of: [.vg]).remotes.first { $0.name == "vg" }?.discarded }
        // Polls continue to read the conversation.
        for minute in 1...3 {
            let now = Bench.start + .minutes(Int64(minute))
            _ = try await bench.store.reconcile([report("open", at: now)], bench.inbound(now: now))
            try await bench.plan(now: now)
        }
        #expect(try bench.outbox("remote = 'vg' AND state = 'pending'") == [])
        #expect(try await discarded() == 1)
        // Somebody has made the change at the remote by hand.
        let later = Bench.start + .hours(1)
        _ = try await bench.store.reconcile([report("resolved", at: later)], bench.inbound(now: later))
        #expect(try await discarded() == 0)
    }

    @Test func `a message that is corrected before it is sent keeps its age`() async throws {
        let bench = try Bench([.fin])
        try bench.write("INSERT INTO users (id, name) VALUES ('u1', 'Uma')")
        try bench.addConversations("c1")
        try bench.write("UPDATE conversations SET user_id = 'u1'")
        try bench.addMessage("m1", of: "c1")
        try bench.write("UPDATE message_feed SET since = ?", [Bench.start.iso8601])
        try await bench.plan()
        #expect(try bench.lines("SELECT state, differs_since FROM outbox") == ["pending|\(Bench.start.iso8601)"])
        try bench.write("UPDATE messages SET body = 'corrected'")
        #expect(try await oldest(bench, .fin) == Bench.start.iso8601)
        try await bench.plan(now: Bench.start + .hours(1))
        #expect(try await oldest(bench, .fin) == Bench.start.iso8601)
    }

    @Test func `a remote that is no longer read has no failing reads`() async throws {
        let bench = try Bench([.vg])
        try await bench.store.enterRemotes(bench.remotes)
        try await bench.store.noteReadFailure("vg", error: "HTTP 500", now: Bench.start)
        try await bench.store.forgetReads(of: ["voicebot"])
        #expect(try await bench.store.storedRemotes()["vg"]?.readFailures == 1)
        try await bench.store.forgetReads(of: ["vg"])
        #expect(try await bench.store.status(of: [.vg]).remotes.first?.reads == ReadHealth())
    }

    @Test func `an error before the last success is not a present error`() {
        var remote = RemoteStatus(name: "vg")
        remote.lastError = "HTTP 503"
        remote.lastFailureAt = Bench.start.iso8601
        #expect(remote.presentError == "HTTP 503")
        remote.lastSuccessAt = (Bench.start + .seconds(1)).iso8601
        #expect(remote.presentError == nil)
    }

    @Test func `failed reads are counted until one succeeds`() async throws {
        let bench = try Bench([.vg])
        try await bench.store.enterRemotes(bench.remotes)
        for second in 0..<3 {
            try await bench.store.noteReadFailure("vg", error: "HTTP 50\(second)", now: Bench.start + .seconds(Int64(second)))
        }
        let reads = { try await bench.store.status(of: [.vg]).remotes.first?.reads }
        var expected = ReadHealth()
        expected.failingSince = Bench.start.iso8601
        expected.error = "HTTP 502"
        expected.failures = 3
        #expect(try await reads() == expected)
        #expect(try await bench.store.storedRemotes()["vg"]?.readFailures == 3)
        try await bench.store.noteRead("vg", now: Bench.start + .minutes(1))
        expected = ReadHealth()
        expected.lastReadAt = (Bench.start + .minutes(1)).iso8601
        #expect(try await reads() == expected)
    }
}
