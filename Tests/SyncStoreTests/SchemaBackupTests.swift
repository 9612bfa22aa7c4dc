import Fixtures
import Foundation
import Migrations
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// The copy that is made before the schema is changed.
@Suite struct SchemaBackupTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.file("convosync.db") }

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func copies() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains(".before") }.sorted()
    }

    /// A database of an earlier version: all migrations but the last.
    private func makeOlderDatabase() throws {
        try SchemaMigrations.migrate(fileAt: path, upTo: SchemaMigrations.identifiers.dropLast().last)
        let application = try ApplicationDatabase(path: path)
        try application.write("INSERT INTO users (id, name) VALUES ('u1', 'Jane Doe')")
        try application.close()
        try FileManager.default.setAttributes([.posixPermissions: 0o660], ofItemAtPath: path)
    }

    @Test func `a new or current database is not copied`() throws {
        #expect(try Store(path: path, access: .migrating).backupPath == nil)
        #expect(try Store(path: path, access: .migrating).backupPath == nil)
        #expect(try copies() == [])
    }

    @Test func `an older database is copied unchanged, with its mode, and then migrated`() throws {
        try makeOlderDatabase()
        let store = try Store(path: path, access: .migrating)
        let backup = try #require(store.backupPath)
        #expect(try copies().count == 1)
        #expect(backup.contains("convosync.db.before-\(SchemaMigrations.identifiers.last ?? "")-"))
        #expect(try FileManager.default.attributesOfItem(atPath: backup)[.posixPermissions] as? Int == 0o660)
        let copy = try SQLiteSession(path: backup, access: .readOnly, busyTimeout: .zero)
        #expect(try SchemaMigrations.applied(copy).count == SchemaMigrations.identifiers.count - 1)
        #expect(try copy.values("SELECT name FROM users") == ["Jane Doe"])
        #expect(try copy.values("PRAGMA integrity_check") == ["ok"])
    }

    @Test func `the newest three copies are kept`() throws {
        try makeOlderDatabase()
        let old = (1...4).map { "convosync.db.before-000\(5 - $0)_x-2026010\($0)T000000Z" }
        for name in old { _ = FileManager.default.createFile(atPath: folder.file(name), contents: nil) }
        let backup = try #require(try Store(path: path, access: .migrating).backupPath)
        #expect(Set(try copies()) == Set(old.suffix(2) + [(backup as NSString).lastPathComponent]))
    }

    @Test func `what interrupted copies have left is deleted before the next one`() throws {
        try makeOlderDatabase()
        for name in [
            "convosync.db.before.partial", "convosync.db.before.partial-journal", "convosync.db.before-0005_x-20260101T000000Z.partial",
            "convosync.db.before-0005_x-20260102T000000Z.partial-journal",
        ] { try folder.write("half of a copy", to: name) }
        let backup = try #require(try Store(path: path, access: .migrating).backupPath)
        #expect(try copies() == [(backup as NSString).lastPathComponent])
        let copy = try SQLiteSession(path: backup, access: .readOnly, busyTimeout: .zero)
        #expect(try copy.values("PRAGMA integrity_check") == ["ok"])
    }

    @Test func `the copy of a process that is still making it stays, and the schema is not changed meanwhile`() throws {
        try makeOlderDatabase()
        try folder.write("half of a copy", to: "convosync.db.before.partial")
        let descriptor = open(folder.file("convosync.db.before.partial"), O_RDONLY)
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: StoreError.locked) { try Store(path: path, access: .migrating) }
        #expect(try copies() == ["convosync.db.before.partial"])
        close(descriptor)
        let backup = try #require(try Store(path: path, access: .migrating).backupPath)
        #expect(try copies() == [(backup as NSString).lastPathComponent])
    }

    /// Each attempt that is interrupted after its copy leaves one.
    @Test func `of the copies of repeated attempts the first and the last stay, and they push out no other copy`() throws {
        try makeOlderDatabase()
        let migration = SchemaMigrations.identifiers.last ?? ""
        let other = "convosync.db.before-0001_x-20260101T000000Z"
        let attempts = (2...5).map { "convosync.db.before-\(migration)-2026010\($0)T000000Z" }
        for name in [other] + attempts { _ = FileManager.default.createFile(atPath: folder.file(name), contents: nil) }
        let session = try SQLiteSession(path: path, access: .readWrite, busyTimeout: .zero)
        let interrupted = try SchemaBackup.make(of: session, path: path, before: migration)
        let name = (interrupted as NSString).lastPathComponent
        #expect(Set(try copies()) == [other, attempts[0], attempts[3], name])
        let backup = try #require(try Store(path: path, access: .migrating).backupPath)
        #expect(Set(try copies()) == [other, attempts[0], (backup as NSString).lastPathComponent])
    }

    @Test func `without space for the copy nothing is changed`() throws {
        try makeOlderDatabase()
        // A folder that does not exist, in the name of the copy.
        let session = try SQLiteSession(path: path, access: .readWrite, busyTimeout: .zero)
        #expect(throws: (any Error).self) {
            try SchemaBackup.make(of: session, path: path, before: "missing/folder")
        }
        #expect(try copies() == [])
    }
}
