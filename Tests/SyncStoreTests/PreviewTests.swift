import SyncCore
import Synchronization
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// `convosync plan`: says what a run would do, and writes nothing.
@Suite struct PreviewTests {
    private static let tables = [
        "outbox", "outbox_attempts", "change_feed", "message_feed", "planned_messages", "link_state", "remotes", "runs",
    ]

    /// All remotes known to the database, c1 converged.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario()
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: StoreScenario.start)
        while try await scenario.store.feedReplan(scenario.remotes, now: StoreScenario.start) > 0 {}
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        try scenario.addConversations("c1")
        try scenario.write("UPDATE conversations SET user_id = 'u1'")
        try await scenario.converge()
        return scenario
    }

    private func preview(_ scenario: StoreScenario, remotes: [RemoteParticipation]? = nil) async throws -> [PlanPreview] {
        let items = Mutex<[PlanPreview]>([])
        try await scenario.store.preview(scenario.context(remotes: remotes)) { page in items.withLock { $0 += page } }
        return items.withLock { $0 }
    }

    private func summary(_ items: [PlanPreview]) -> [String] {
        items.map { item in
            switch item.decision {
            case .send(let planned), .hold(let planned, _, _): "\(item.conversationID) \(item.remote) \(planned.call.body.text)"
            case .refuse(_, let refusal): "\(item.conversationID) \(item.remote) refused: \(refusal.reason)"
            case .upToDate: "\(item.conversationID) \(item.remote) up to date"
            }
        }
    }

    @Test func `nothing is shown after everything was delivered`() async throws {
        let scenario = try await scenario()
        #expect(try await preview(scenario).isEmpty)
    }

    @Test func `a preview writes nothing at all`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c2")
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        try scenario.write("UPDATE links SET remote_id = 'other' WHERE conversation_id = 'c1' AND remote = 'vg'")
        let before = try Self.tables.map { try scenario.lines("SELECT * FROM \($0)") }
        let version = try scenario.lines("PRAGMA data_version")
        let changes = try await scenario.store.read { try $0.value("SELECT total_changes()", as: Int.self) }
        #expect(try await preview(scenario).count == 7)
        #expect(try await scenario.store.read { try $0.value("SELECT total_changes()", as: Int.self) } == changes)
        #expect(try scenario.lines("PRAGMA data_version") == version)
        #expect(try Self.tables.map { try scenario.lines("SELECT * FROM \($0)") } == before)
    }

    @Test func `a preview works on a connection that can only read`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        let reader = try Store(path: scenario.path, access: .reading)
        let count = Mutex(0)
        try await reader.preview(scenario.context()) { page in count.withLock { $0 += page.count } }
        #expect(count.withLock { $0 } == 3)
    }

    @Test func `a preview of one conversation or one remote shows only that one`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c2")
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        let everything = try await preview(scenario).map { "\($0.conversationID) \($0.remote)" }
        func narrowed(_ scope: PreviewScope) async throws -> [String] {
            let items = Mutex<[PlanPreview]>([])
            try await scenario.store.preview(scenario.context(), of: scope) { page in items.withLock { $0 += page } }
            return items.withLock { $0 }.map { "\($0.conversationID) \($0.remote)" }
        }
        #expect(try await narrowed(PreviewScope(conversationID: "c1")) == everything.filter { $0.hasPrefix("c1 ") })
        #expect(try await narrowed(PreviewScope(remote: "vg")) == everything.filter { $0.hasSuffix(" vg") })
        #expect(try await narrowed(PreviewScope(conversationID: "c1", remote: "fin")) == ["c1 fin"])
        #expect(try await narrowed(PreviewScope(conversationID: "nosuch")) == [])
        #expect(everything.contains("c2 vg") && everything.contains("c1 fin"), "there is something to leave out")
        #expect(try await scenario.store.hasConversation("c2"))
        #expect(try await scenario.store.hasConversation("c3") == false)
    }

    @Test func `a held message is shown with its holder`() async throws {
        let scenario = try await scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'held', held_by = 'fin' WHERE message_id = 'm1'")
        let id = try #require(try scenario.lines("SELECT id FROM outbox WHERE message_id = 'm1'").first.flatMap(Int64.init))
        #expect(try await preview(scenario).map(\.source) == [.held(id: id, by: .receiver)])
    }

    @Test func `a preview shows what the run then plans`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        try scenario.addMessage("m1", of: "c1")
        try scenario.addConversations("c2")
        try scenario.write("UPDATE links SET remote_id = 'refused' WHERE conversation_id = 'c2' AND remote = 'voicebot'")
        let shown = try await preview(scenario)
        #expect(summary(shown).contains("c2 voicebot refused: links.remote_id is refused"))
        try await scenario.plan()
        let planned = try scenario.lines(
            """
            SELECT conversation_id || ' ' || remote || ' ' || iif(state = 'dead', replace(last_error, 'not sendable', 'refused'), body)
            FROM outbox WHERE state IN ('pending', 'dead')
            """)
        #expect(Set(summary(shown)) == Set(planned))
        #expect(shown.count == planned.count)
        #expect(shown.allSatisfy { $0.source == .new })
    }

    @Test func `an existing outbox row is shown with its id`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        let items = try await preview(scenario, remotes: [.vg])
        let pending = try scenario.lines("SELECT id FROM outbox WHERE remote = 'vg' AND state = 'pending'")
        let id = try #require(pending.first.flatMap(Int64.init))
        let delta = "{\"status\":{\"from\":\"open\",\"to\":\"closed\"}}"
        #expect(items.map(\.source) == [.outbox(id: id, dueAt: StoreScenario.start.iso8601, delta: delta)])
        #expect(items.map(\.base) == [["status": "open", "title": .null, "user_id": .null]])
    }

    @Test func `a change to a row that the remote has undone is shown as a call, as the run makes it`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'held', held_by = 'undone' WHERE remote = 'vg' AND state = 'pending'")
        try scenario.write("UPDATE conversations SET status = 'ended'")
        let shown = try await preview(scenario, remotes: [.vg])
        #expect(shown.map(\.source) == [.new])
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT 'c1 vg ' || body FROM outbox WHERE remote = 'vg' AND state = 'pending'") == summary(shown))
    }

    @Test func `a reverted change is not shown`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET status = 'open'")
        #expect(try await preview(scenario, remotes: [.vg]).isEmpty)
    }

    @Test func `a preview of a remote with a changed projection covers all conversations`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c2", "c3")
        try await scenario.converge()
        let changed = RemoteParticipation.vg.with { ($0.fingerprint, $0.defaultAgent) = ("g2", "agent8") }
        #expect(try await preview(scenario, remotes: [changed]).map(\.conversationID) == ["c1", "c2", "c3"])
        #expect(try await preview(scenario, remotes: [changed.disabled]).isEmpty)
    }

    @Test func `messages of one millisecond are shown with the timestamps that they will get`() async throws {
        let scenario = try await scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:00.000Z") }
        let shown = summary(try await preview(scenario, remotes: [.fin]))
        try await scenario.plan()
        let planned = try scenario.lines("SELECT 'c1 fin ' || body FROM outbox WHERE remote = 'fin' ORDER BY id")
        #expect(shown == planned)
    }
}
