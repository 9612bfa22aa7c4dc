import SyncCore
import SyncSQLite
import SyncStore
import Synchronization

/// The application beside the service: it writes its tables over a connection of its own. Operators at the command line use the same one.
final class Application {
    static let path = "convosync.db"

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
            try session.run("INSERT INTO users (id, name) VALUES ('u1', 'Jane Doe')")
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
        try session.run("INSERT OR IGNORE INTO links VALUES (\(id), \(remote), \(RemoteSystems.id(of: id, at: remote)), NULL)")
    }

    func link(_ id: String, to remote: String) async throws {
        try await store.write { session in try Application.link(id, to: remote, session) }
    }

    /// Writes columns of a conversation; the change is recorded as the application's.
    func change(_ id: String, _ assignments: SQL) async throws {
        try await store.write { session in
            let last = try session.value("SELECT max(id) FROM test_changes", as: Int64.self) ?? 0
            try session.run("UPDATE conversations SET \(assignments) WHERE id = \(id)")
            try session.run("UPDATE test_changes SET writer = 'application' WHERE id > \(last)")
        }
    }

    func write(message: String, of id: String) async throws {
        try await store.write { session in
            _ = try session.run("INSERT INTO messages (id, conversation_id, author, body) VALUES (\(message), \(id), 'user', \(message))")
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
