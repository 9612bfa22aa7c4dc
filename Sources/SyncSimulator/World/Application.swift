import SyncCore
import SyncSQLite
import SyncStore
import Synchronization

/// The application beside the service: it writes its tables over a connection of its own. Operators at the command line use the same one.
final class Application {
    static let path = "convosync.db"
    /// What a copy of the database consists of.
    static let files = [path, "\(path)-wal"]

    /// A database with the present schema, which is copied for every simulation.
    private static let template = Mutex<[UInt8]?>(nil)

    private(set) var store: Store
    private var mount: DiskMount

    init(_ disk: SimulatedDisk) throws {
        disk.file(Application.path).replace(with: try Application.migrated())
        (mount, store) = try Application.connect(disk)
    }

    deinit {
        store.close()
    }

    private static func connect(_ disk: SimulatedDisk) throws -> (DiskMount, Store) {
        let mount = DiskMount(disk)
        return (mount, try Store(path: Application.path, access: .migrating, vfs: mount.name))
    }

    /// Its process is gone, with its connection.
    func crash() {
        mount.kill()
        store.close()
    }

    /// It is started again.
    func open(_ disk: SimulatedDisk) throws {
        (mount, store) = try Application.connect(disk)
    }

    /// A transaction that another process of the application has open.
    final class Transaction {
        private let mount: DiskMount
        private let store: Store

        fileprivate init(_ disk: SimulatedDisk) async throws {
            (mount, store) = try Application.connect(disk)
            _ = try await store.connection.perform { session in try session.run("BEGIN IMMEDIATE") }
        }

        deinit {
            rollBack()
        }

        /// The process ends.
        func rollBack() {
            mount.kill()
            store.close()
        }
    }

    func beginTransaction(_ disk: SimulatedDisk) async throws -> Transaction { try await Transaction(disk) }

    private static func migrated() throws -> [UInt8] {
        try template.withLock { template in
            if let template { return template }
            let disk = SimulatedDisk()
            disk.wall = VirtualClock.start
            let mount = DiskMount(disk)
            try Store(path: Application.path, access: .migrating, vfs: mount.name).close()
            let bytes = disk.file(Application.path).bytes
            template = bytes
            return bytes
        }
    }

    /// The conversations with their links, and a table that records who changed what.
    func populate(_ plan: WorldPlan) async throws {
        let conversations = plan.conversations
        try await store.write { session in
            let name = plan.isHostile ? plan.tags.joined() : "Jane Doe"
            try session.run("INSERT INTO users (id, name) VALUES ('u1', \(name))")
            try session.run("INSERT INTO assignees VALUES ('jane', 'voicebot', '7')")
            try session.run(
                "CREATE TABLE test_changes (id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, writer TEXT NOT NULL DEFAULT 'daemon')")
            try session.run(
                """
                CREATE TRIGGER test_changed AFTER UPDATE OF status, assignee_id, title, tags ON conversations
                WHEN OLD.status IS NOT NEW.status OR OLD.assignee_id IS NOT NEW.assignee_id OR OLD.title IS NOT NEW.title
                    OR OLD.tags IS NOT NEW.tags
                BEGIN INSERT INTO test_changes (conversation_id) VALUES (NEW.id); END
                """)
            for (index, id) in conversations.enumerated() {
                try session.run("INSERT INTO conversations (id, title, user_id) VALUES (\(id), '0', 'u1')")
                if index != 2 { try Application.link(id, to: "voicebot", session) }
                if index != 1 { try Application.link(id, to: "vg", session) }
            }
        }
    }

    private static func link(_ id: String, to remote: String, _ session: any Session) throws {
        let count = try session.run("INSERT OR IGNORE INTO links VALUES (\(id), \(remote), \(RemoteSystems.id(of: id, at: remote)), NULL)")
        if count > 0 { try expectWrite(of: id, session) }
    }

    func link(_ id: String, to remote: String) async throws {
        try await store.write { session in try Application.link(id, to: remote, session) }
    }

    /// - Returns: whether the object belongs to a conversation that is linked to it, and the conversation itself has a link.
    func link(_ id: String, to remote: String, asThatOf other: String) async throws -> Bool {
        try await store.write { session in
            let count = try session.run(
                """
                UPDATE links SET remote_id = \(RemoteSystems.id(of: other, at: remote)) WHERE conversation_id = \(id) AND remote = \(remote)
                    AND EXISTS (SELECT 1 FROM links WHERE conversation_id = \(other) AND remote = \(remote))
                """)
            for id in [id, other] where count > 0 { try Application.expectWrite(of: id, session) }
            return count > 0
        }
    }

    /// Deletes the link to a remote, and any that mean nothing.
    func unlink(_ id: String, from remote: String) async throws {
        try await store.write { session in
            try session.run("DELETE FROM links WHERE conversation_id = \(id) AND remote = \(remote)")
            try LinksWithoutEffect.write(for: id, session)
            try LinksWithoutEffect.delete(of: id, session)
        }
    }

    /// The user of all conversations gets another name.
    func rename(to name: String) async throws {
        try await store.write { session in
            try session.run("UPDATE users SET name = \(name) WHERE id = 'u1'")
            try session.run("INSERT INTO test_changes (conversation_id, writer) SELECT id, 'application' FROM conversations")
        }
    }

    /// A call is to be expected, as if a column had changed.
    private static func expectWrite(of id: String, _ session: any Session) throws {
        try session.run("INSERT INTO test_changes (conversation_id, writer) VALUES (\(id), 'application')")
    }

    func expectWrite(of id: String) async throws {
        try await store.write { session in try Application.expectWrite(of: id, session) }
    }

    /// Writes columns of conversations in one transaction; the changes are recorded as the application's.
    func change(_ ids: [String], _ assignments: SQL) async throws {
        try await store.write { session in
            let last = try session.value("SELECT max(id) FROM test_changes", as: Int64.self) ?? 0
            for id in ids { try session.run("UPDATE conversations SET \(assignments) WHERE id = \(id)") }
            try session.run("UPDATE test_changes SET writer = 'application' WHERE id > \(last)")
        }
    }

    /// Writes a whole row over the one that is there. Columns that are not named get their defaults.
    func replace(_ id: String, status: String, assignee: String?, title: String, tags: String) async throws {
        try await store.write { session in
            try session.run(
                """
                INSERT OR REPLACE INTO conversations (id, status, assignee_id, title, tags, user_id)
                VALUES (\(id), \(status), \(assignee), \(title), \(tags), 'u1')
                """)
            try Application.expectWrite(of: id, session)
        }
    }

    /// Deletes a conversation with everything that belongs to it.
    /// - Parameter title: that of a conversation with the same id that is inserted again; nil: none is.
    func delete(_ id: String, insertingAgain title: String?) async throws {
        try await store.write { session in
            try session.run("DELETE FROM conversations WHERE id = \(id)")
            try session.run("DELETE FROM test_changes WHERE conversation_id = \(id)")
            guard let title else { return }
            try session.run("INSERT INTO conversations (id, title, user_id) VALUES (\(id), \(title), 'u1')")
            for remote in ["voicebot", "vg"] { try Application.link(id, to: remote, session) }
        }
    }

    /// - Returns: the ids of the messages.
    func moveMessages(from id: String, to other: String) async throws -> [String] {
        try await store.write { session in
            let moved: [String] = try session.values("SELECT id FROM messages WHERE conversation_id = \(id) AND author <> 'fin'")
            for id in [id, other] { try LinksWithoutEffect.write(for: id, session) }
            try LinksWithoutEffect.move(from: id, to: other, session)
            try LinksWithoutEffect.delete(of: other, session)
            try session.run("UPDATE messages SET conversation_id = \(other) WHERE conversation_id = \(id) AND author <> 'fin'")
            return moved
        }
    }

    func insert(_ id: RawText) async throws {
        try await store.write { session in _ = try session.run("INSERT INTO conversations (id) VALUES (\(id))") }
    }

    func write(message: String, _ body: RawText, of id: String, by author: String = "user", at moment: Instant) async throws {
        try await store.write { session in
            _ = try session.run(
                """
                INSERT INTO messages (id, conversation_id, author, body, created_at)
                VALUES (\(message), \(id), \(author), \(body), \(moment.iso8601))
                """)
        }
    }

    // MARK: Queries

    /// A line for each row, columns joined by `|`.
    func lines(_ sql: SQL, columns count: Int) async throws -> [String] {
        try await store.read { session in
            try session.rows(sql) { columns in
                try (0..<count).map { _ in try columns.next(String?.self) ?? "-" }.joined(separator: "|")
            }
        }
    }

    func number(_ sql: SQL) async throws -> Int { try await store.read { session in try session.value(sql) ?? 0 } }

    func counts(_ sql: SQL) async throws -> [String: Int] {
        try await store.read { session in
            let rows = try session.rows(sql) { columns in (try columns.next(String.self), try columns.next(Int.self)) }
            return Dictionary(rows) { $1 }
        }
    }
}
