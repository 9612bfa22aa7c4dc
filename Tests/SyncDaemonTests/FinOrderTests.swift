import Foundation
import GRDB
import SyncCore
import SyncRemotes
import SyncStore
import Testing

@testable import SyncDaemon

/// Whatever the order in which Fin's events arrive, the conversation ends as if they had come in theirs (docs/remotes.md, "Status words").
@Suite struct FinOrderTests {
    private static let start = SystemClock.now() - .minutes(10)

    private struct Event {
        var word: String
        var second: Int64
    }

    /// Delivers events one at a time, in this order, and works each off at once.
    private func end(of order: [Event], skew: Span = .zero) async throws -> String {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("convosync.db").path
        let store = try Store(path: path, access: .migrating)
        let application = try DatabaseQueue(path: path)
        let profile = RemoteProfile(name: "fin", kind: .fin, aiAssignees: ["agent_fin"])
        let remote = RemoteConfiguration(
            profile: profile, url: "https://fin.example.com", credential: .environment(variable: "FIN"), isEnabled: true,
            gate: .init(), limits: .init(), classifier: .init())
        try await application.write { db in
            try db.execute(sql: "INSERT INTO conversations (id, assignee_id) VALUES ('c1', 'agent_fin')")
            try db.execute(
                sql: "UPDATE local_changes SET status_changed_at = ?1, assignee_changed_at = ?1", arguments: [Self.start.iso8601])
        }
        var now = Self.start + .minutes(1)
        for event in order {
            now = now + .milliseconds(50)
            let at = Self.start + .seconds(event.second) + skew
            let notice = Notice.status(conversationID: "c1", word: event.word, at: at, key: "\(event.word) \(event.second)")
            _ = try await store.receive([notice], from: "fin", now: now)
            let adapter = remote.kind.adapter(profile)
            _ = try await store.workOffInbox(InboundContext(remotes: [remote.participation], now: now) { adapter.reconcile($0) })
        }
        return try await application.read {
            try String.fetchOne($0, sql: "SELECT status || ' ' || coalesce(assignee_id, '-') FROM conversations") ?? ""
        }
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
        (["escalated", "complete"], "open -"), (["resolved", "complete"], "resolved agent_fin"),
        (["replying", "escalated", "complete"], "open -"),
        (["thinking", "replying", "awaiting_user_reply", "complete"], "closed agent_fin"),
        (["replying", "resolved", "complete"], "resolved agent_fin"), (["complete"], "closed agent_fin"),
        (["awaiting_user_reply", "thinking", "escalated"], "open -"),
    ])
    func `every order of arrival has the same end`(words: [String], expected: String) async throws {
        let events = words.enumerated().map { Event(word: $1, second: Int64($0) + 1) }
        for order in permutations(events) {
            #expect(try await end(of: order) == expected, "\(order.map(\.word))")
        }
    }

    @Test(arguments: [Span.minutes(5), Span(milliseconds: -300_000)])
    func `the same with a clock at Fin that is five minutes off`(skew: Span) async throws {
        // Behind: what is dated before the local change loses against it. Ahead: what is taken over is dated now at most.
        let events = [Event(word: "escalated", second: 1), Event(word: "complete", second: 2)]
        let inOrder = try await end(of: events, skew: skew)
        #expect(try await end(of: events.reversed(), skew: skew) == inOrder)
    }
}
