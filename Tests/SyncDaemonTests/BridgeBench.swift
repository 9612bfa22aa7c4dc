import Foundation
import GRDB
import SeededRandom
import SyncCore
import SyncSQLite
import SyncStore
import Synchronization
import Testing

@testable import SyncDaemon

/// A real database, a real engine, remotes that are read as well as written, and a clock that the test moves on.
struct BridgeBench {
    /// Real time plus what the test skipped: intervals of polls pass without waiting.
    final class Clock: Sendable {
        private let skipped = Mutex(Duration.zero)
        func now() -> Instant { both().wall }
        func both() -> Now {
            let (present, skipped) = (SystemClock.time(), skipped.withLock { $0 })
            return Now(wall: present.wall + skipped, uptime: present.uptime + skipped)
        }
        func skip(_ span: Duration) { skipped.withLock { $0 = $0 + span } }
    }

    static let conversations = (0..<10).map { "c\($0)" }
    let directory: URL
    let application: DatabaseQueue
    let store: Store
    let engine: TestEngine
    let remotes: BridgeRemotes
    let rules: Rules
    let clock = Clock()

    init(seed: UInt64, rules: Rules) async throws {
        self.rules = rules
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Data("token".utf8).write(to: directory.appendingPathComponent("token"))
        let configuration = try ConfigurationFile.parse(rules.configuration, directory: directory.path)
        store = try Store(path: configuration.databasePath, access: .migrating)
        var settings = GRDB.Configuration()
        settings.busyMode = .timeout(10)
        application = try DatabaseQueue(path: configuration.databasePath, configuration: settings)
        let clock = clock
        let remotes = BridgeRemotes(BridgeWorld(seed: seed), now: clock.now)
        self.remotes = remotes
        try await application.write { try Self.populate($0, at: clock.now()) }
        engine = try await TestEngine(
            configuration, store: store, log: EventLog(configuration.log, hasPriorityPrefix: false, output: { _ in }), seed: seed,
            now: clock.both, transport: remotes)
    }

    /// Ten conversations, all but two linked to both; and a table that keeps who changed what.
    private static func populate(_ db: Database, at now: Instant) throws {
        try db.execute(
            sql: """
                INSERT INTO users (id, name) VALUES ('u1', 'Jane Doe');
                INSERT INTO assignees VALUES ('jane', 'voicebot', '7');
                CREATE TABLE test_changes (id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, writer TEXT NOT NULL DEFAULT 'daemon');
                CREATE TRIGGER test_changed AFTER UPDATE OF status, assignee_id, title, tags ON conversations
                WHEN OLD.status IS NOT NEW.status OR OLD.assignee_id IS NOT NEW.assignee_id OR OLD.title IS NOT NEW.title
                    OR OLD.tags IS NOT NEW.tags
                BEGIN INSERT INTO test_changes (conversation_id) VALUES (NEW.id); END;
                """)
        for (index, id) in conversations.enumerated() {
            try db.execute(sql: "INSERT INTO conversations (id, title, user_id) VALUES (?, '0', 'u1')", arguments: [id])
            if index != 8 { try db.execute(sql: "INSERT INTO links VALUES (?, 'voicebot', ?, NULL)", arguments: [id, "\(index + 1)"]) }
            if index != 9 { try db.execute(sql: "INSERT INTO links VALUES (?, 'vg', ?, NULL)", arguments: [id, "v\(index)"]) }
            try db.execute(
                sql: "UPDATE local_changes SET status_changed_at = ?1, assignee_changed_at = ?1 WHERE conversation_id = ?2",
                arguments: [now.iso8601, id])
        }
    }

    static func key(_ place: BridgeWorld.Place, _ id: String) -> BridgeWorld.Key? {
        let index = Int(id.dropFirst()) ?? 0
        switch place {
        case .helpdesk: return .init(place: place, id: id)
        case .voicebot: return index == 8 ? nil : .init(place: place, id: "\(index + 1)")
        case .vg: return index == 9 ? nil : .init(place: place, id: "v\(index)")
        }
    }

    // MARK: The application

    /// Writes columns of a conversation as the application does, dated by the test's clock.
    func write(_ id: String, _ assignments: String, _ arguments: StatementArguments) throws {
        let now = clock.now().iso8601
        try application.write { db in
            let last = try Int64.fetchOne(db, sql: "SELECT max(id) FROM test_changes") ?? 0
            let select = "SELECT status, assignee_id FROM conversations WHERE id = ?"
            let before = try Row.fetchOne(db, sql: select, arguments: [id])
            try db.execute(sql: "UPDATE conversations SET \(assignments) WHERE id = ?", arguments: arguments + [id])
            let after = try Row.fetchOne(db, sql: select, arguments: [id])
            for (column, index) in [("status_changed_at", 0), ("assignee_changed_at", 1)]
            where before?[index] as String? != after?[index] as String? {
                try db.execute(sql: "UPDATE local_changes SET \(column) = ? WHERE conversation_id = ?", arguments: [now, id])
            }
            try db.execute(sql: "UPDATE test_changes SET writer = 'application' WHERE id > ?", arguments: [last])
        }
    }

    func write(message: String, of id: String) throws {
        try application.write { [now = clock.now().iso8601] db in
            try db.execute(
                sql: "INSERT INTO messages (id, conversation_id, author, body, created_at) VALUES (?, ?, 'user', ?, ?)",
                arguments: [message, id, message, now])
        }
    }

    /// A line for each row, columns joined by `|`.
    func lines(_ sql: String) throws -> [String] {
        try application.read { db in
            try Row.fetchAll(db, sql: sql).map { row in
                row.databaseValues.map { $0.isNull ? "-" : String.fromDatabaseValue($0) ?? "\($0)" }.joined(separator: "|")
            }
        }
    }

    func counts(_ sql: String) throws -> [String: Int] {
        try application.read { db in
            Dictionary(uniqueKeysWithValues: try Row.fetchAll(db, sql: sql).map { ($0[0] as String, $0[1] as Int) })
        }
    }

    // MARK: Runs

    func run() async throws {
        let summary = try await engine.run()
        #expect(summary.error == nil)
    }

    /// Writes that went out and changes that were taken over, so far.
    func activity() throws -> [Int] {
        let adoptions = try application.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM adopted_changes") ?? 0 }
        return [remotes.world.withLock { $0.writes.values.reduce(0, +) }, adoptions]
    }

    /// Runs, long after each other, until `quiet` of them in a row did nothing: so many that the rotation came round.
    ///
    /// Messages may be left: what Fin takes no more is held, and what comes after it waits.
    /// - Returns: how many runs it took.
    func settle(quiet: Int = 5) async throws -> Int {
        var inARow = 0
        for round in 1...60 {
            let before = try activity()
            clock.skip(.seconds(70))
            try await run()
            let left = try lines(
                "SELECT 1 FROM outbox WHERE payload = 'state' AND state IN ('pending', 'sending') UNION ALL SELECT 1 FROM change_feed UNION ALL SELECT 1 FROM read_requests"
            )
            inARow = try activity() == before && left.isEmpty ? inARow + 1 : 0
            if inARow == quiet { return round }
        }
        let left = try lines(
            "SELECT id, conversation_id, remote, state, last_error, body FROM outbox WHERE payload = 'state' AND state IN ('pending', 'sending')"
        )
        let feed = try lines("SELECT * FROM change_feed") + lines("SELECT * FROM read_requests")
        Issue.record("it did not come to rest: \(left), \(feed), \(try activity())")
        return 60
    }

    func close() async {
        await engine.stop(within: .seconds(1))
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            Issue.record(error)
        }
    }
}
