import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// A feed entry that cannot be planned is put aside with its problem; it blocks nothing and is not planned repeatedly.
@Suite struct PutAsideTests {
    /// c1, c2 and c3 at vg; planning fails for c2.
    private func scenario(_ remotes: [RemoteParticipation] = [.vg]) async throws -> StoreScenario {
        let scenario = try StoreScenario(remotes)
        try scenario.addConversations("c1", "c2", "c3")
        try scenario.write(
            """
            CREATE TRIGGER refused BEFORE INSERT ON outbox WHEN NEW.conversation_id = 'c2' AND NEW.payload = 'state'
            BEGIN SELECT RAISE(ABORT, 'not this one'); END
            """)
        return scenario
    }

    @Test func `an entry that cannot be planned is put aside, and the others of its page are planned`() async throws {
        let scenario = try await scenario()
        let batch = try await scenario.planPage()
        #expect(batch.examined == 6, "conversations and their links")
        #expect(batch.takenOff == 6)
        #expect(batch.planned == 2)
        #expect(batch.putAside.map(\.conversationID) == ["c2"])
        #expect(batch.putAside.first?.problem.contains("not this one") == true)
        #expect(try scenario.outbox() == ["1|c1|vg|pending", "2|c3|vg|pending"])
        #expect(
            try scenario.lines("SELECT conversation_id, remote, deferred, problem FROM change_feed").allSatisfy { $0.hasPrefix("c2||2|") })
        #expect(try await scenario.store.feedIsEmpty())
        #expect(try await scenario.planPage().examined == 0, "it is not tried again by itself")
    }

    @Test func `of a long problem the first 500 characters are kept`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            """
            DROP TRIGGER refused;
            CREATE TRIGGER refused BEFORE INSERT ON outbox WHEN NEW.conversation_id = 'c2'
            BEGIN SELECT RAISE(ABORT, '\(String(repeating: "x", count: 5000))'); END
            """)
        #expect(try await scenario.planPage().putAside.first?.problem.count == 500)
        #expect(try scenario.lines("SELECT length(problem) FROM change_feed") == ["500"])
    }

    @Test func `the writes of a failed entry are rolled back`() async throws {
        let scenario = try await scenario([.vg, .voicebot])
        try scenario.write(
            """
            DROP TRIGGER refused;
            CREATE TRIGGER refused BEFORE INSERT ON outbox WHEN NEW.conversation_id = 'c2' AND NEW.remote = 'voicebot'
            BEGIN SELECT RAISE(ABORT, 'not this one'); END
            """)
        let batch = try await scenario.planPage()
        #expect(batch.planned == 4)
        #expect(try scenario.outbox("conversation_id = 'c2'") == [])
        #expect(try scenario.lines("SELECT count(*) FROM link_state WHERE conversation_id = 'c2'") == ["0"])
    }

    @Test func `an entry returns when its row is written again`() async throws {
        let scenario = try await scenario()
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = 'c2'")
        let again = try await scenario.planPage()
        #expect(again.putAside.map(\.conversationID) == ["c2"], "it is tried, and put aside again")
        try scenario.write("DROP TRIGGER refused; UPDATE conversations SET title = 'y' WHERE id = 'c2'")
        #expect(try await scenario.planPage().planned == 1)
        #expect(try scenario.feed() == [])
        #expect(try await scenario.store.status(of: scenario.remotes).unplannable == 0)
    }

    @Test func `an entry put aside for one remote is settled when the conversation is planned for all`() async throws {
        let scenario = try await scenario()
        try scenario.write("DROP TRIGGER refused")
        try await scenario.plan()
        try scenario.write(
            "INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, problem) VALUES ('c2', 'vg', 'x', 2, 'a former problem')"
        )
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = 'c2'")
        try await scenario.plan()
        #expect(try scenario.feed() == [])
    }

    @Test func `an entry returns with every start and reload`() async throws {
        let scenario = try await scenario()
        try await scenario.plan()
        try scenario.write("DROP TRIGGER refused")
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: StoreScenario.start)
        try await scenario.plan()
        #expect(try scenario.outbox("conversation_id = 'c2'") == ["3|c2|vg|pending"])
    }

    @Test func `status counts and names an entry that was put aside, and does not count it as unplanned`() async throws {
        let scenario = try await scenario()
        try await scenario.plan()
        let status = try await scenario.store.status(of: scenario.remotes)
        #expect(status.unplannable == 1)
        #expect(status.unplannableRows.map(\.conversationID) == ["c2"])
        #expect(status.unplannableRows.first?.remote == nil)
        #expect(status.putAside == 0, "its key can be used")
        #expect(status.unplanned == 0)
        let stored = try await scenario.store.storedConversation("c2", remotes: scenario.remotes, history: 5, now: StoreScenario.start)
        #expect(stored?.putAside.first?.problem.contains("not this one") == true)
        #expect(stored?.isWaitingForPlan == false)
        let other = try await scenario.store.storedConversation("c1", remotes: scenario.remotes, history: 5, now: StoreScenario.start)
        #expect(other?.putAside == [])
    }

    private func pictures(_ scenario: StoreScenario, at remote: RemoteParticipation = .vg) async throws -> [LinkPicture] {
        let pictures = Mutex<[LinkPicture]>([])
        try await scenario.store.linkPictures(at: remote, now: StoreScenario.start) { page in pictures.withLock { $0 += page } }
        return pictures.withLock { $0 }
    }

    @Test func `an entry that was put aside counts at each of its remotes, and is not said to wait for planning`() async throws {
        let scenario = try await scenario([.vg, .voicebot])
        try await scenario.plan()
        let status = try await scenario.store.status(of: scenario.remotes + [.helpdesk, .fin])
        #expect(status.remotes.map(\.name) == ["fin", "helpdesk", "vg", "voicebot"])
        #expect(status.remotes.map(\.putAside) == [0, 1, 1, 1], "messages are not concerned, and the helpdesk needs no link")
        let found = try await pictures(scenario)
        #expect(found.map(\.conversationID) == ["c1", "c2", "c3"])
        #expect(found.map(\.isUnplanned) == [false, false, false])
        #expect(found.map { $0.putAside?.contains("not this one") } == [nil, true, nil])
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = 'c2'")
        #expect(try await pictures(scenario)[1].isUnplanned)
        #expect(try await pictures(scenario)[1].putAside == nil, "it is tried again")
    }

    @Test func `an entry for one remote that was put aside counts at that remote`() async throws {
        let scenario = try await scenario([.vg, .voicebot])
        try scenario.write("DROP TRIGGER refused")
        try await scenario.plan()
        try scenario.write(
            "INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, problem) VALUES ('c2', 'vg', 'x', 2, 'a problem')")
        #expect(try await scenario.store.status(of: scenario.remotes).remotes.map(\.putAside) == [1, 0])
        #expect(try await pictures(scenario).compactMap(\.putAside) == ["a problem"])
        #expect(try await pictures(scenario, at: .voicebot).compactMap(\.putAside) == [])
    }

    @Test func `the survey of the brake and the preview leave out what cannot be read`() async throws {
        let scenario = try await scenario()
        try scenario.write("DROP TRIGGER refused")
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET title = 'x'")
        // The program never writes an empty date; only a table that is not strict accepts it.
        try scenario.write(
            """
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'local_changes';
            PRAGMA writable_schema = RESET;
            UPDATE local_changes SET status_number = 'x' WHERE conversation_id = 'c2'
            """)
        #expect(try await scenario.store.surveyFeed(scenario.context(), rememberedRows: .max).entries == 3)
        try await scenario.store.preview(scenario.context()) { items in #expect(!items.contains { $0.conversationID == "c2" }) }
        let batch = try await scenario.planPage()
        #expect(batch.putAside.map(\.conversationID) == ["c2"])
        #expect(batch.planned == 2)
    }

    @Test func `a page of which nothing can be planned fails as a whole, and nothing is put aside`() async throws {
        let scenario = try StoreScenario([.vg])
        #expect(PlanWriter.hopelessPage == 10)
        for number in 1...(PlanWriter.hopelessPage + 1) { try scenario.addConversations("c\(number)") }
        try scenario.write("CREATE TRIGGER refused BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'nothing goes'); END")
        await #expect(throws: StoreScenario.Problem.self) { try await scenario.planPage() }
        #expect(try scenario.lines("SELECT count(*) FROM change_feed WHERE deferred <> 0") == ["0"])
        #expect(try scenario.outbox() == [])
    }

    @Test func `a message that cannot be planned is put aside, and returns when it is written again`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        for id in ["m1", "m2", "m3"] { try scenario.addMessage(id, of: "c1") }
        try scenario.write(
            """
            CREATE TRIGGER refused BEFORE INSERT ON outbox WHEN NEW.message_id = 'm2'
            BEGIN SELECT RAISE(ABORT, 'not this one'); END;
            DELETE FROM change_feed
            """)
        let batch = try await scenario.planPage()
        #expect(batch.putAside.map(\.messageID) == ["m2"])
        #expect(batch.takenOff == 3)
        #expect(try scenario.lines("SELECT message_id FROM outbox ORDER BY id") == ["m1", "m3"])
        #expect(try scenario.lines("SELECT message_id FROM planned_messages ORDER BY 1") == ["m1", "m3"])
        #expect(try await scenario.store.status(of: scenario.remotes).unplannableRows.map(\.messageID) == ["m2"])
        #expect(try await scenario.store.status(of: scenario.remotes).remotes.map(\.putAside) == [1])
        let waiting = try await scenario.store.waitingMessages(at: "fin")
        #expect(waiting.map(\.messageID) == ["m1", "m3", "m2"], "what cannot be planned has not been accepted either")
        #expect(waiting.map { $0.putAside?.contains("not this one") } == [nil, nil, true])
        #expect(try await scenario.planPage().examined == 0)
        try scenario.write("DROP TRIGGER refused; UPDATE messages SET body = 'corrected' WHERE id = 'm2'")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT message_id FROM outbox ORDER BY id") == ["m1", "m3", "m2"])
        #expect(try scenario.lines("SELECT count(*) FROM message_feed") == ["0"])
    }
}
