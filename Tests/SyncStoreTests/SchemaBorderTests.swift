import Fixtures
import Foundation
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// A schema is changed as a whole or not at all, and files of other programs are not changed.
@Suite struct SchemaBorderTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.file("app.db") }

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func makeFile(_ sql: String, upTo last: String? = nil) throws {
        if let last { try SchemaMigrations.migrate(fileAt: path, upTo: last) }
        let application = try ApplicationDatabase(path: path)
        try application.execute(sql)
        try application.close()
    }

    private func failure(_ access: Store.Access) -> StoreError? {
        do throws(StoreError) {
            _ = try Store(path: path, access: access)
            return nil
        } catch {
            return error
        }
    }

    private func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }

    private func lines(_ sql: String) throws -> [String] {
        try ApplicationDatabase(path: path).texts(sql)
    }

    struct Foreign: Sendable, CustomTestStringConvertible {
        var sql: String
        var names: [String]
        var testDescription: String { names.joined(separator: " ") }
    }

    static let foreign = [
        Foreign(
            sql: "CREATE TABLE Conversations (id); CREATE TABLE users (id); CREATE TABLE orders (id); INSERT INTO users VALUES (1)",
            names: ["conversations", "users"]),
        Foreign(sql: "CREATE TABLE orders (id); CREATE VIEW links AS SELECT id FROM orders", names: ["links"]),
        Foreign(sql: "CREATE TABLE orders (id); CREATE INDEX outbox_attempts ON orders (id)", names: ["outbox_attempts"]),
        Foreign(
            sql: "CREATE TABLE orders (id); CREATE TRIGGER conversations_deleted DELETE ON orders BEGIN SELECT 1; END",
            names: ["conversations_deleted"]),
        Foreign(
            sql: "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY); INSERT INTO grdb_migrations VALUES ('v1')",
            names: ["grdb_migrations"]),
        Foreign(sql: "CREATE TABLE grdb_migrations (number INTEGER)", names: ["grdb_migrations"]),
    ]

    @Test(arguments: foreign, [Store.Access.migrating, .existing, .reading])
    func `a file of another program with names that the schema needs is refused and stays the same to the byte`(
        _ foreign: Foreign, _ access: Store.Access
    ) throws {
        try makeFile(foreign.sql)
        let before = try Data(contentsOf: URL(filePath: path))
        #expect(failure(access) == .foreignSchema(path: path, names: foreign.names))
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
        #expect(try files() == ["app.db"])
    }

    @Test func `the refusal names the file, the tables and a solution`() {
        let text = StoreError.foreignSchema(path: "/srv/app.db", names: ["a", "b", "c", "d", "e", "f", "g"]).description
        for part in ["/srv/app.db", "a, b, c, d, e and 2 more", "nothing was changed", "database.path"] { #expect(text.contains(part)) }
    }

    // MARK: Other encodings

    @Test(arguments: [("UTF-16le", Store.Access.migrating), ("UTF-16be", .migrating), ("UTF-16le", .existing), ("UTF-16le", .reading)])
    func `a file in another encoding is refused and stays the same to the byte`(encoding: String, access: Store.Access) throws {
        try makeFile("PRAGMA encoding = '\(encoding)'; CREATE TABLE orders (id); INSERT INTO orders VALUES ('x')")
        #expect(try lines("PRAGMA encoding") == [encoding], "otherwise the test shows nothing")
        let before = try Data(contentsOf: URL(filePath: path))
        #expect(failure(access) == .otherEncoding(path: path, encoding: encoding))
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
        #expect(try files() == ["app.db"])
    }

    /// Earlier versions did that.
    @Test(arguments: [Store.Access.migrating, .existing, .reading])
    func `a file in another encoding that was migrated is refused as well`(access: Store.Access) throws {
        do {
            let session = try SQLiteSession(path: path, access: .creating, busyTimeout: .seconds(5))
            try session.run("PRAGMA encoding = 'UTF-16'")
            try session.transaction(.writing) { try SchemaMigrations.apply(SchemaMigrations.identifiers, to: session) }
        }
        guard case .otherEncoding(path, let encoding) = failure(access) else {
            Issue.record("\(String(describing: failure(access)))")
            return
        }
        #expect(encoding.hasPrefix("UTF-16"))
    }

    @Test func `the refusal of another encoding names the file and says what to do`() {
        let text = StoreError.otherEncoding(path: "/srv/app.db", encoding: "UTF-16le").description
        for part in ["UTF-16le", "needs UTF-8", "nothing was changed", "`sqlite3 /srv/app.db .dump | sqlite3 NEW`"] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test func `an empty file becomes one in UTF-8`() throws {
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        try Store(path: path, access: .migrating).close()
        #expect(try lines("PRAGMA encoding") == ["UTF-8"])
    }

    @Test func `a name that only a later migration uses is found as well`() throws {
        try makeFile("CREATE TABLE shared_objects (id)", upTo: "0007_fate")
        #expect(failure(.migrating) == .foreignSchema(path: path, names: ["shared_objects"]))
        #expect(try lines("SELECT max(identifier) FROM grdb_migrations") == ["0007_fate"])
    }

    @Test func `other tables of the application are no obstacle`() async throws {
        try makeFile("CREATE TABLE orders (id); INSERT INTO orders VALUES (7)")
        let store = try Store(path: path, access: .migrating)
        #expect(!store.schemaChange.isCreated)
        #expect(store.schemaChange.applied == SchemaMigrations.identifiers)
        #expect(store.backupPath != nil)
        #expect(try await store.durability().journalMode == "wal")
        #expect(try await store.read { try $0.values("SELECT id FROM orders", as: String.self) } == ["7"])
    }

    /// No table, no bookkeeping, no copy, no other journal mode.
    @Test func `if one of several migrations fails, none of them has an effect`() throws {
        // 0009 replaces this trigger.
        try makeFile("DROP TRIGGER conversations_status_updated", upTo: "0007_fate")
        let schema = "SELECT name || sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
        let before = try (lines(schema), lines("SELECT identifier FROM grdb_migrations"), lines("PRAGMA journal_mode"))
        guard case .sqlite(1, let detail) = failure(.migrating) else {
            Issue.record("\(String(describing: failure(.migrating)))")
            return
        }
        #expect(detail.contains("conversations_status_updated"))
        #expect(try lines(schema) == before.0)
        #expect(try lines("SELECT identifier FROM grdb_migrations") == before.1)
        #expect(try lines("PRAGMA journal_mode") == before.2)
        #expect(before.2 == ["delete"])
        #expect(try files() == ["app.db"])
    }

    @Test func `a failed migration does not delete an earlier copy`() throws {
        try makeFile("DROP TRIGGER conversations_status_updated", upTo: "0007_fate")
        let old = (1...3).map { "app.db.before-000\($0)_x-2026010\($0)T000000Z" }
        for name in old { _ = FileManager.default.createFile(atPath: folder.file(name), contents: nil) }
        #expect(failure(.migrating) != nil)
        #expect(try files() == ["app.db"] + old)
    }

    @Test func `migrating reports whether the database was created, migrated or up to date`() throws {
        let created = try Store(path: path, access: .migrating).schemaChange
        #expect(created == SchemaChange(isCreated: true, applied: SchemaMigrations.identifiers))
        #expect(try Store(path: path, access: .migrating).schemaChange == SchemaChange())
        for name in try files() { try FileManager.default.removeItem(atPath: folder.file(name)) }
        try makeFile("", upTo: "0008_keys_and_queues")
        let migrated = try Store(path: path, access: .migrating).schemaChange
        #expect(!migrated.isCreated)
        #expect(migrated.applied.first == "0009_agreed_pair")
        #expect(migrated.applied.last == SchemaMigrations.identifiers.last)
    }

    @Test func `two processes that create one file at the same time both get it`() async throws {
        let path = path
        let changes = try await withThrowingTaskGroup(of: SchemaChange.self) { group in
            for _ in 0..<2 { group.addTask { try Store(path: path, access: .migrating).schemaChange } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(changes.filter(\.isCreated).count == 1)
        #expect(changes.map(\.applied.count).sorted() == [0, SchemaMigrations.identifiers.count])
    }
}
