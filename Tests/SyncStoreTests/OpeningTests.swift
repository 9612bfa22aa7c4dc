import Fixtures
import Foundation
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
        let scenario = try StoreScenario()
        let store = try Store(path: scenario.path, access: access)
        let durability = try await store.durability()
        #expect(durability.synchronous == 2, "FULL")
        #expect(durability.journalMode == "wal")
        // A write must not change the settings.
        try await store.touch()
        #expect(try await store.durability().synchronous == 2)
    }

    @Test(arguments: [Store.Access.existing, .reading])
    func `a missing file is named and not created`(_ access: Store.Access) throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("none.db")
        #expect(failure(path, access) == .missing(path: path))
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(failure(path, access)?.description.contains("convosync migrate") == true)
    }

    @Test func `a database behind a symbolic link gets the same mode as any other`() throws {
        let folder = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(atPath: folder.file("link.db"), withDestinationPath: folder.file("behind.db"))
        for name in ["plain.db", "link.db"] { try Store(path: folder.file(name), access: .migrating).close() }
        let modes = try ["plain.db", "behind.db"].map { name in
            try FileManager.default.attributesOfItem(atPath: folder.file(name))[.posixPermissions] as? Int
        }
        #expect(modes[0] != nil && modes[0] == modes[1], "\(modes)")
    }

    @Test func `a missing directory is named`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("missing/convosync.db")
        guard case .cannotOpen(path, _) = failure(path, .migrating) else {
            Issue.record("\(String(describing: failure(path, .migrating)))")
            return
        }
    }

    @Test(arguments: [Store.Access.migrating, .existing, .reading])
    func `a file that is not a database is left as it is`(_ access: Store.Access) throws {
        let folder = try TemporaryDirectory()
        let file = folder.file("notes.txt")
        let text = String(repeating: "this is not a database, and it must stay so\n", count: 50)
        try folder.write(text, to: "notes.txt")
        guard case .damaged(file, _) = failure(file, access) else {
            Issue.record("\(String(describing: failure(file, access)))")
            return
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
    }

    @Test(arguments: [Store.Access.migrating, .existing, .reading])
    func `a newer schema is refused and left alone`(_ access: Store.Access) throws {
        let scenario = try StoreScenario()
        try scenario.write("INSERT INTO grdb_migrations VALUES ('0099_from_the_future')")
        #expect(failure(scenario.path, access) == .newerSchema(applied: ["0099_from_the_future"]))
        #expect(try scenario.lines("SELECT count(*) FROM grdb_migrations") == ["\(EmbeddedMigrations.all.count + 1)"])
    }

    @Test func `an older schema is refused, and migrated by migrate`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("old.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0001_application")
        let old = try ApplicationDatabase(path: path)
        try old.write("INSERT INTO conversations (id) VALUES ('c1')")
        try old.close()
        let missing = EmbeddedMigrations.all.dropFirst().map(\.identifier)
        #expect(failure(path, .existing) == .olderSchema(missing: missing))
        #expect(failure(path, .reading) == .olderSchema(missing: missing))
        let store = try Store(path: path, access: .migrating)
        #expect(try await store.appliedMigrations() == EmbeddedMigrations.all.map(\.identifier))
        #expect(try await store.read { try $0.values("SELECT id FROM conversations", as: String.self) } == ["c1"])
    }

    @Test func `an empty file is treated as an old schema`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("empty.db")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        #expect(failure(path, .existing) == .olderSchema(missing: EmbeddedMigrations.all.map(\.identifier)))
    }

    @Test func `a connection for reading refuses to write`() async throws {
        let scenario = try StoreScenario()
        let reader = try Store(path: scenario.path, access: .reading)
        await #expect(throws: StoreError.readOnly(path: scenario.path)) {
            try await reader.touch()
        }
        #expect(try scenario.lines("SELECT count(*) FROM runs") == ["0"])
        #expect(try await reader.status(of: []).unplanned == 0)
    }

    @Test func `only commits by others change the data version`() async throws {
        let scenario = try StoreScenario()
        let before = try await scenario.store.dataVersion()
        try await scenario.store.touch()
        #expect(try await scenario.store.dataVersion() == before)
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
        #expect(try await scenario.store.dataVersion() != before)
    }

    @Test func `the application can write between two transactions of the daemon`() async throws {
        let scenario = try StoreScenario([.vg])
        for index in 0..<50 {
            try scenario.addConversations("c\(index)")
            try await scenario.converge()
        }
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'delivered'") == ["50"])
    }

    @Test(arguments: [
        (StoreError.locked, true), (.full, true), (.readOnly(path: "p"), true), (.sqlite(code: 778, detail: ""), true),
        (.sqlite(code: 1, detail: ""), false), (.missing(path: "p"), false), (.damaged(path: "p", detail: ""), false),
        (.newerSchema(applied: []), false), (.olderSchema(missing: []), false), (.cannotOpen(path: "p", detail: ""), false),
        (.otherEncoding(path: "p", encoding: "UTF-16le"), false),
    ])
    func `only errors that may pass by themselves are tried again`(_ error: StoreError, _ isTransient: Bool) {
        #expect(error.isTransient == isTransient)
        #expect(!error.description.isEmpty)
    }

    @Test(arguments: [10, 266, 778, 1034])
    func `an error of the disk says where to look, and what to do`(code: Int) {
        let text = StoreError.sqlite(code: code, detail: "disk I/O error").description
        for part in ["\(code)", "disk I/O error", "`dmesg`", "start convosync again"] { #expect(text.contains(part), "\(text)") }
        #expect(!StoreError.sqlite(code: 1, detail: "no such table").description.contains("dmesg"))
    }

    @Test func `the version of the library is known`() {
        #expect(Store.libraryVersion.split(separator: ".").count == 3)
    }
}
