import Foundation
import GRDB
import Migrations
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// Opening a database: the settings of the connection, and what is refused with a helpful message.
@Suite struct OpeningTests {
    private func failure(_ path: String, _ access: Store.Access) -> StoreError? {
        do throws(StoreError) {
            _ = try Store(path: path, access: access)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [Store.Access.migrating, .existing])
    func `commits are synchronous enough to survive a power cut`(_ access: Store.Access) async throws {
        let bench = try Bench()
        let store = try Store(path: bench.path, access: access)
        let durability = try await store.durability()
        #expect(durability.synchronous == 2, "FULL")
        #expect(durability.journalMode == "wal")
        // A write must not change the settings.
        try await store.touch()
        #expect(try await store.durability().synchronous == 2)
    }

    @Test(arguments: [Store.Access.existing, .reading])
    func `a missing file is named and not created`(_ access: Store.Access) throws {
        let folder = try Bench.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "none.db").path
        #expect(failure(path, access) == .missing(path: path))
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(failure(path, access)?.description.contains("convosync migrate") == true)
    }

    @Test func `a missing directory is named`() throws {
        let folder = try Bench.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "missing/convosync.db").path
        guard case .cannotOpen(path, _) = failure(path, .migrating) else {
            Issue.record("\(String(describing: failure(path, .migrating)))")
            return
        }
    }

    @Test(arguments: [Store.Access.migrating, .existing, .reading])
    func `a file that is not a database is left as it is`(_ access: Store.Access) throws {
        let folder = try Bench.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "notes.txt")
        let text = String(repeating: "this is not a database, and it must stay so\n", count: 50)
        try text.write(to: file, atomically: true, encoding: .utf8)
        guard case .damaged(file.path, _) = failure(file.path, access) else {
            Issue.record("\(String(describing: failure(file.path, access)))")
            return
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test(arguments: [Store.Access.migrating, .existing, .reading])
    func `a newer schema is refused and left alone`(_ access: Store.Access) throws {
        let bench = try Bench()
        try bench.write("INSERT INTO grdb_migrations VALUES ('0099_from_the_future')")
        #expect(failure(bench.path, access) == .newerSchema(applied: ["0099_from_the_future"]))
        #expect(try bench.lines("SELECT count(*) FROM grdb_migrations") == ["\(EmbeddedMigrations.all.count + 1)"])
    }

    @Test func `an older schema is refused, and migrated by migrate`() async throws {
        let folder = try Bench.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "old.db").path
        try SchemaMigrations.migrate(fileAt: path, upTo: "0001_application")
        let old = try DatabaseQueue(path: path)
        try await old.write { db in try db.execute(sql: "INSERT INTO conversations (id) VALUES ('c1')") }
        try old.close()
        let missing = EmbeddedMigrations.all.dropFirst().map(\.identifier)
        #expect(failure(path, .existing) == .olderSchema(missing: missing))
        #expect(failure(path, .reading) == .olderSchema(missing: missing))
        let store = try Store(path: path, access: .migrating)
        #expect(try await store.appliedMigrations() == EmbeddedMigrations.all.map(\.identifier))
        #expect(try await store.read { try $0.values("SELECT id FROM conversations", as: String.self) } == ["c1"])
    }

    @Test func `an empty file is treated as an old schema`() throws {
        let folder = try Bench.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "empty.db").path
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        #expect(failure(path, .existing) == .olderSchema(missing: EmbeddedMigrations.all.map(\.identifier)))
    }

    @Test func `a connection for reading refuses to write`() async throws {
        let bench = try Bench()
        let reader = try Store(path: bench.path, access: .reading)
        await #expect(throws: StoreError.readOnly(path: bench.path)) {
            try await reader.touch()
        }
        #expect(try bench.lines("SELECT count(*) FROM runs") == ["0"])
        #expect(try await reader.status(of: []).unplanned == 0)
    }

    @Test func `only commits by others change the data version`() async throws {
        let bench = try Bench()
        let before = try await bench.store.dataVersion()
        try await bench.store.touch()
        #expect(try await bench.store.dataVersion() == before)
        try bench.write("INSERT INTO conversations (id) VALUES ('c1')")
        #expect(try await bench.store.dataVersion() != before)
    }

    @Test func `the application can write between two transactions of the daemon`() async throws {
        let bench = try Bench([.vg])
        for index in 0..<50 {
            try bench.addConversations("c\(index)")
            try await bench.converge()
        }
        #expect(try bench.lines("SELECT count(*) FROM outbox WHERE state = 'delivered'") == ["50"])
    }

    @Test(arguments: [
        (StoreError.locked, true), (.full, true), (.readOnly(path: "p"), true), (.sqlite(code: 778, detail: ""), true),
        (.sqlite(code: 1, detail: ""), false), (.missing(path: "p"), false), (.damaged(path: "p", detail: ""), false),
        (.newerSchema(applied: []), false), (.olderSchema(missing: []), false), (.cannotOpen(path: "p", detail: ""), false),
    ])
    func `only errors that may pass by themselves are tried again`(_ error: StoreError, _ isTransient: Bool) {
        #expect(error.isTransient == isTransient)
        #expect(!error.description.isEmpty)
    }

    @Test func `the version of the library is known`() {
        #expect(Store.libraryVersion.split(separator: ".").count == 3)
    }
}
