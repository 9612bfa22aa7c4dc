import SyncCore
import Testing

@testable import SyncStore

/// What `status` and `outbox list` read.
@Suite struct StatusTests {
    /// Rows 1 … 8 for vg, one per state, with different ages and errors.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        let states = OutboxState.allCases
        for index in states.indices { try scenario.addConversations("c\(index + 1)") }
        try await scenario.plan()
        for (index, state) in states.enumerated() {
            try scenario.write(
                "UPDATE outbox SET state = ?1, attempts = ?2, created_at = ?3, differs_since = ?3, last_error = ?4 WHERE id = ?5",
                [
                    state.rawValue, index % 2, (StoreScenario.start + .minutes(Int64(index))).iso8601, "HTTP 42\(index): Bad Title",
                    index + 1,
                ])
        }
        return scenario
    }

    private func ids(_ scenario: StoreScenario, _ change: (inout OutboxFilter) -> Void) async throws -> [Int64] {
        var filter = OutboxFilter()
        change(&filter)
        return try await scenario.store.outbox(filter).map(\.id)
    }

    @Test func `every remote is counted by state`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c9")
        try await scenario.plan(now: StoreScenario.start + .hours(1))
        try scenario.write("UPDATE outbox SET attempts = 2 WHERE id = 9")
        let status = try await scenario.store.status(of: [.named("vg"), .named("voicebot")])
        #expect(status.remotes.map(\.name) == ["vg", "voicebot"])
        let vg = try #require(status.remotes.first)
        #expect([vg.pending, vg.retrying, vg.inFlight, vg.held, vg.dead, vg.uncertain] == [2, 1, 1, 1, 1, 1])
        #expect(vg.oldestPendingAt == StoreScenario.start.iso8601)
        #expect(status.remotes.last == RemoteStatus(name: "voicebot"))
    }

    @Test func `rows of a remote that is no longer configured are shown as well`() async throws {
        let scenario = try await scenario()
        #expect(try await scenario.store.status(of: []).remotes.map(\.name) == ["vg"])
    }

    @Test func `ends that the brake holds are counted and released at remotes in service only`() async throws {
        let scenario = try StoreScenario([.vg, .voicebot])
        try scenario.addConversations("c1")
        try await scenario.converge()
        try scenario.write("UPDATE link_state SET braked_at = ?", [StoreScenario.start.iso8601])
        for serving: [RemoteParticipation] in [[.vg, .voicebot.disabled], [.vg]] {
            let status = try await scenario.store.status(of: serving)
            #expect(status.heldEnds == 1)
            #expect(status.heldEndsAt == ["vg"])
        }
        #expect(try await scenario.store.status(of: [.vg, .voicebot]).heldEnds == 2)
        var filter = OutboxFilter()
        func release(dryRun: Bool) async throws -> Int {
            try await scenario.store.releaseEnds(filter, at: ["vg"], dryRun: dryRun, now: StoreScenario.start)
        }
        func released() throws -> [String] { try scenario.lines("SELECT remote, is_brake_released FROM link_state ORDER BY remote") }
        filter.remote = "voicebot"
        #expect(try await release(dryRun: true) == 0)
        #expect(try await release(dryRun: false) == 0)
        #expect(try await scenario.store.remotesHoldingEnds(filter) == ["voicebot"])
        #expect(try released() == ["vg|0", "voicebot|0"])
        filter.remote = nil
        #expect(try await release(dryRun: true) == 1)
        #expect(try await release(dryRun: false) == 1)
        #expect(try await scenario.store.remotesHoldingEnds(filter) == ["vg", "voicebot"])
        #expect(try released() == ["vg|1", "voicebot|0"])
        #expect(try scenario.feed().map { $0.contains("|vg|") } == [true])
        try await scenario.store.withdrawReleases(except: ["vg"])
        #expect(try released() == ["vg|1", "voicebot|0"])
        try await scenario.store.withdrawReleases(except: [])
        #expect(try released() == ["vg|0", "voicebot|0"])
    }

    @Test func `names in the database that differ only in Unicode normalization end no command`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write("INSERT INTO remotes (name, kind) VALUES ('caf\u{E9}', 'vg'), ('cafe\u{301}', 'vg')")
        #expect(try await scenario.store.knownRemotes() == ["caf\u{E9}": "vg"])
        #expect(try await scenario.store.storedRemotes().count == 1)
        let status = try await scenario.store.status(of: [.named("caf\u{E9}"), .named("cafe\u{301}")])
        #expect(status.remotes.map(\.name) == ["caf\u{E9}"])
    }

    @Test func `health and gate are shown`() async throws {
        let scenario = try await scenario()
        try await scenario.store.enterRemotes(scenario.remotes)
        let claimed = try await scenario.claimOne("vg")
        try await scenario.finish(claimed, DeliveryOutcome(.park, httpStatus: 401, error: "HTTP 401: expired"))
        try scenario.write("UPDATE remotes SET parked_at = ?, park_reason = 'HTTP 401'", [StoreScenario.start.iso8601])
        let vg = try #require(try await scenario.store.status(of: [.named("vg")]).remotes.first)
        #expect(vg.lastError == "HTTP 401: expired")
        #expect(vg.lastFailureAt == StoreScenario.start.iso8601)
        #expect(vg.lastSuccessAt == nil)
        #expect(vg.gate == RemoteGate.Stored(parkedAt: StoreScenario.start, parkReason: "HTTP 401"))
    }

    @Test func `a stored gate is read back unchanged`() async throws {
        let scenario = try await scenario()
        try await scenario.store.enterRemotes(scenario.remotes)
        let gate = RemoteGate.Stored(
            parkedAt: StoreScenario.start, parkReason: "HTTP 401", throttledUntil: StoreScenario.start + .seconds(9),
            breakerOpenUntil: StoreScenario.start + .seconds(5), breakerOpenings: 2, concurrency: 3)
        _ = try await scenario.exchange("vg", gate: gate)
        #expect(try await scenario.store.storedRemotes()["vg"]?.gate == gate)
        #expect(try await scenario.store.status(of: [.named("vg")]).remotes.first?.gate == gate)
    }

    @Test func `every resume stores its time, even for a remote that is not paused`() async throws {
        let scenario = try await scenario()
        try await scenario.store.enterRemotes(scenario.remotes)
        func ask() async throws -> RemoteOrders { try await scenario.exchange("vg").orders }
        #expect(try await ask().resumedAt == nil)
        #expect(try await scenario.store.pause("vg", now: StoreScenario.start) != nil)
        #expect(try await ask().isPaused)
        for second in [Int64(1), 2] {
            #expect(try await scenario.store.resume("vg", now: StoreScenario.start + .seconds(second)) != nil)
            let reply = try await ask()
            #expect(!reply.isPaused && reply.resumedAt == (StoreScenario.start + .seconds(second)).iso8601)
        }
    }

    @Test func `unplanned conversations are counted`() async throws {
        let scenario = try await scenario()
        #expect(try await scenario.store.status(of: [.named("vg")]).unplanned == 0)
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id IN ('c1', 'c2')")
        try scenario.addMessage("m1", of: "c1")
        #expect(try await scenario.store.status(of: [.named("vg")]).unplanned == 3)
    }

    @Test func `the newest run is shown with its counts`() async throws {
        let scenario = try StoreScenario()
        #expect(try await scenario.store.status(of: []).lastRun == nil)
        var counts = RunCounts()
        (counts.examined, counts.planned, counts.delivered, counts.putBack, counts.dead) = (5, 4, 3, 2, 1)
        let started = StoreScenario.start + .seconds(1)
        let run = RunPart(cause: .change, startedAt: started, counts: counts, error: "locked", ends: true)
        let result = try await scenario.store.exchange(
            scenario.exchange(now: StoreScenario.start + .seconds(2)) { $0.run = run }, for: scenario.parties())
        let id = try #require(result.runID)
        let last = try #require(try await scenario.store.status(of: []).lastRun)
        #expect(
            [last.cause, last.startedAt, last.finishedAt ?? "", last.error ?? ""]
                == ["change", (StoreScenario.start + .seconds(1)).iso8601, (StoreScenario.start + .seconds(2)).iso8601, "locked"])
        #expect(last.id == id)
        #expect(last.counts == counts)
    }

    @Test func `remaining rows are counted for the named remotes only`() async throws {
        let scenario = try await scenario()
        let remainder = try await scenario.store.remainder(of: [.vg])
        #expect([remainder.waiting, remainder.held, remainder.dead] == [2, 1, 2])
        let nothing = try await scenario.store.remainder(of: [.voicebot])
        #expect([nothing.waiting, nothing.held, nothing.dead] == [0, 0, 0])
    }

    @Test func `what is left to plan is counted, and what rests on the feeds after a complete run is not`() async throws {
        let scenario = try await scenario()
        let remotes: [RemoteParticipation] = [.vg, .fin]
        func unplanned(_ remotes: [RemoteParticipation]) async throws -> Int { try await scenario.store.remainder(of: remotes).unplanned }
        #expect(try await unplanned(remotes) == 0)
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id IN ('c1', 'c2', 'c3')")
        try scenario.addMessage("m1", of: "c1")
        #expect(try await unplanned(remotes) == 4)
        #expect(try await scenario.store.remainder(of: remotes, countsUnplanned: false).unplanned == 0)
        // One waits for calls in flight, and one is put aside.
        try scenario.write("UPDATE change_feed SET deferred = 1 WHERE conversation_id = 'c1'")
        try scenario.write("UPDATE change_feed SET deferred = 3 WHERE conversation_id = 'c2'")
        try scenario.write("UPDATE change_feed SET deferred = 2 WHERE conversation_id = 'c3'")
        #expect(try await unplanned(remotes) == 3)
        try scenario.write("UPDATE change_feed SET remote = 'voicebot'")
        #expect(try await unplanned([.vg, .fin, .voicebot]) == 3)
        #expect(try await unplanned([.vg, .fin, .voicebot.disabled]) == 1)
        #expect(try await unplanned(remotes) == 1)
        try scenario.write("UPDATE message_feed SET remote = 'fin'")
        #expect(try await unplanned(remotes) == 1)
        #expect(try await unplanned([.vg, .fin.disabled]) == 0)
        for target in ["-", "!"] {
            try scenario.write("UPDATE message_feed SET remote = ?", [target])
            #expect(try await unplanned(remotes) == 0)
        }
    }

    @Test func `conversations that are not on the feed yet, of a remote that is planned from scratch, are left to plan`() async throws {
        let scenario = try await scenario()
        try await scenario.store.enterRemotes(scenario.remotes)
        func unplanned(_ remotes: [RemoteParticipation]) async throws -> Int { try await scenario.store.remainder(of: remotes).unplanned }
        #expect(try await unplanned([.vg]) == 0)
        try scenario.write("UPDATE remotes SET replan_cursor = '' WHERE name = 'vg'")
        #expect(try await unplanned([.vg]) == 8)
        #expect(try await unplanned([.vg.disabled]) == 0)
        try scenario.write("UPDATE remotes SET replan_cursor = 'c5' WHERE name = 'vg'")
        #expect(try await unplanned([.vg]) == 3)
        // One that has an entry counts once.
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = 'c6'")
        #expect(try await unplanned([.vg]) == 3)
    }

    @Test func `of the remaining rows the earliest time is told, unless the remote is paused`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET due_at = '2026-01-0' || (1 + id % 8) || 'T00:00:00.000Z', behind = 0 WHERE state = 'pending'")
        let earliest = try #require(try scenario.lines("SELECT min(due_at) FROM outbox WHERE state = 'pending' AND remote = 'vg'").first)
        #expect(try await scenario.store.remainder(of: [.vg]).dueAt?.iso8601 == earliest)
        #expect(try await scenario.store.remainder(of: [.voicebot]).dueAt == nil)
        try scenario.write("INSERT INTO remotes (name, kind, paused_at) VALUES ('vg', 'vg', '2026-01-01T00:00:00.000Z')")
        #expect(try await scenario.store.remainder(of: [.vg]).dueAt == nil)
        #expect(try await scenario.store.remainder(of: [.vg]).waiting == 2)
    }

    @Test func `rows are listed newest first and narrowed by every filter`() async throws {
        let scenario = try await scenario()
        #expect(try await ids(scenario) { _ in } == [8, 7, 6, 5, 4, 3, 2, 1])
        #expect(try await ids(scenario) { $0.limit = 2 } == [8, 7])
        #expect(try await ids(scenario) { $0.ids = [3, 5, 99] } == [5, 3])
        #expect(try await ids(scenario) { $0.conversation = "c4" } == [4])
        #expect(try await ids(scenario) { $0.states = [.pending, .dead] } == [6, 1])
        #expect(try await ids(scenario) { $0.since = StoreScenario.start + .minutes(6) } == [8, 7])
        #expect(try await ids(scenario) { $0.error = "http 423" } == [4])
        #expect(try await ids(scenario) { $0.error = "bad title" }.count == 8)
        #expect(try await ids(scenario) { $0.remote = "voicebot" }.isEmpty)
        #expect(try await ids(scenario) { ($0.remote, $0.states) = ("vg", [.held]) } == [5])
    }

    @Test(arguments: ["'; DROP TABLE outbox; --", "100%", "_", "\""])
    func `special characters in a filter have no meaning`(_ text: String) async throws {
        let scenario = try await scenario()
        #expect(try await ids(scenario) { $0.error = text }.isEmpty)
        #expect(try await ids(scenario) { $0.conversation = text }.isEmpty)
        #expect(try await ids(scenario) { $0.remote = text }.isEmpty)
        #expect(try scenario.lines("SELECT count(*) FROM outbox") == ["8"])
    }

    @Test func `only an empty filter selects everything`() {
        #expect(OutboxFilter().selectsEverything)
        let changes: [(inout OutboxFilter) -> Void] = [
            { $0.ids = [1] }, { $0.remote = "vg" }, { $0.conversation = "c" }, { $0.states = [.dead] }, { $0.since = StoreScenario.start },
            { $0.error = "x" },
        ]
        for change in changes {
            var filter = OutboxFilter()
            change(&filter)
            #expect(!filter.selectsEverything)
        }
    }

    @Test func `links that cannot be sent are counted`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1", "c2", "c3")
        try scenario.write("UPDATE links SET remote_id = '12', agent_id = 'a' WHERE conversation_id = 'c1'")
        try scenario.write("UPDATE links SET remote_id = '007' WHERE conversation_id = 'c2'")
        #expect(try await scenario.store.linkCensus(of: "voicebot") == LinkCensus(notInteger: 2, withoutAgent: 2))
        #expect(try await scenario.store.linkCensus(of: "vg") == LinkCensus())
        #expect(try await scenario.store.linkedRemotes() == ["voicebot"])
    }
}
