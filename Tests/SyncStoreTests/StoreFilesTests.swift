import Fixtures
import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// What happens when the files of an open database are deleted, replaced or overwritten.
@Suite struct StoreFilesTests {
    private func failure(_ store: Store) async -> StoreError? {
        do {
            try await store.touch()
            return nil
        } catch {
            return error
        }
    }

    private func isLost(_ error: StoreError?) -> Bool {
        if case .replaced = error { return true }
        return false
    }

    /// A second database, complete and closed.
    private func other(_ folder: TemporaryDirectory, users: Int) async throws -> String {
        let path = folder.file("other.db")
        let store = try Store(path: path, access: .migrating)
        try await store.write { session in
            for number in 0..<users { try session.run("INSERT INTO users (id) VALUES (\("other\(number)"))") }
        }
        store.close()
        return path
    }

    /// Like `cp`: into the existing file.
    private func copy(_ source: String, into target: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: target))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(contentsOf: URL(fileURLWithPath: source)))
        try handle.close()
    }

    private func inFolder(_ body: (TemporaryDirectory, String, Store) async throws -> Void) async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("convosync.db")
        let store = try Store(path: path, access: .migrating)
        try await store.write { _ = try $0.run("INSERT INTO users (id) VALUES ('u1')") }
        try await body(folder, path, store)
    }

    @Test(arguments: [["-wal"], ["-shm"], ["-wal", "-shm"], [""], ["", "-wal", "-shm"]])
    func `deleted files end the store before anything more is acknowledged`(endings: [String]) async throws {
        try await inFolder { _, path, store in
            for ending in endings { try FileManager.default.removeItem(atPath: path + ending) }
            let told = Mutex<[Store.Loss]>([])
            store.whenLost { loss in told.withLock { $0.append(loss) } }
            let error = await failure(store)
            #expect(isLost(error), "\(String(describing: error))")
            #expect(error?.description.contains(path) == true)
            #expect(told.withLock { $0.count } == 1)
            // Permanently, whatever files are there later.
            await #expect(throws: StoreError.self) { try await store.dataVersion() }
            await #expect(throws: StoreError.self) { try await store.feedIsEmpty() }
        }
    }

    @Test func `the commits of a deleted log are saved to the database unless somebody has begun another log`() async throws {
        try await inFolder { _, path, store in
            try FileManager.default.removeItem(atPath: "\(path)-wal")
            try FileManager.default.removeItem(atPath: "\(path)-shm")
            await #expect(throws: StoreError.self) { try await store.dataVersion() }
            #expect(store.loss?.hasKeptCommits == true)
            let next = try Store(path: path, access: .existing)
            #expect(try await next.read { try $0.values("SELECT id FROM users", as: String.self) } == ["u1"])
        }
    }

    @Test func `a log that others have begun is left alone`() async throws {
        try await inFolder { _, path, store in
            try await store.write { _ = try $0.run("CREATE TABLE more (id)") }
            try FileManager.default.removeItem(atPath: "\(path)-wal")
            try FileManager.default.removeItem(atPath: "\(path)-shm")
            try Data("another".utf8).write(to: URL(fileURLWithPath: "\(path)-wal"))
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(isLost(await failure(store)))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
            #expect(try Data(contentsOf: URL(fileURLWithPath: "\(path)-wal")) == Data("another".utf8))
        }
    }

    @Test(arguments: [true, false])
    func `another file in its place ends the store, and the next store finds that file's content`(inPlace: Bool) async throws {
        try await inFolder { folder, path, store in
            let other = try await other(folder, users: 3)
            if inPlace {
                try copy(other, into: path)
            } else {
                #expect(rename(other, path) == 0)
            }
            let error = await failure(store)
            #expect(isLost(error), "\(String(describing: error))")
            #expect(store.loss?.logAside != nil, "the log of the former content would be put into the new one")
            // In this process SQLite still knows the file's locks of the lost connection; a new process would not. The content decides.
            let raw = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(raw.range(of: Data("other2".utf8)) != nil)
            #expect(!FileManager.default.fileExists(atPath: "\(path)-wal"))
        }
    }

    @Test func `a file that was only touched, or rewritten with the same content, is not lost and keeps its log`() async throws {
        try await inFolder { folder, path, store in
            try await store.write { _ = try $0.run("UPDATE users SET name = 'Uma'") }
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: 60)], ofItemAtPath: path)
            #expect(await failure(store) == nil)
            let same = folder.file("same.db")
            try FileManager.default.copyItem(atPath: path, toPath: same)
            try copy(same, into: path)
            #expect(await failure(store) == nil)
            #expect(try await store.read { try $0.value("SELECT name FROM users", as: String.self) } == "Uma")
            #expect(FileManager.default.fileExists(atPath: "\(path)-wal"))
        }
    }

    @Test func `an older copy of the same database is detected as well`() async throws {
        try await inFolder { folder, path, store in
            let past = folder.file("past.db")
            try await store.checkpoint()
            try FileManager.default.copyItem(atPath: path, toPath: past)
            try await store.write { _ = try $0.run("UPDATE users SET name = 'Uma'") }
            try await store.checkpoint()
            _ = try await store.dataVersion()
            try copy(past, into: path)
            #expect(isLost(await failure(store)))
        }
    }

    @Test func `a symbolic link that is changed to another file counts as another file`() async throws {
        let folder = try TemporaryDirectory()
        let other = try await other(folder, users: 1)
        let (real, link) = (folder.file("real.db"), folder.file("link.db"))
        try Store(path: real, access: .migrating).close()
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: real)
        let store = try Store(path: link, access: .migrating)
        #expect(store.watchedFiles.last?.hasSuffix("/real.db-wal") == true)
        #expect(await failure(store) == nil)
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: other)
        #expect(isLost(await failure(store)))
    }

    /// Each of these may rewrite the file or its log.
    @Test(arguments: [
        "VACUUM", "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(FULL)", "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA journal_mode", "PRAGMA optimize", "REINDEX", "ANALYZE", "PRAGMA incremental_vacuum",
        "PRAGMA user_version = 7",
    ])
    func `writes through SQLite by an application do not end the store`(sql: String) async throws {
        try await inFolder { _, path, store in
            for round in 0..<4 {
                let application = try ApplicationDatabase(path: path)
                try application.write(
                    """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
                    INSERT INTO users (id, name) SELECT ? || i, ? FROM n
                    """, ["\(sql) \(round) ", String(repeating: "x", count: 500)])
                try application.execute(sql)
                #expect(await failure(store) == nil)
                try application.close()
                #expect(await failure(store) == nil)
                _ = try await store.dataVersion()
            }
            #expect(store.loss == nil)
        }
    }

    @Test func `a restore through the backup interface does not end the store`() async throws {
        try await inFolder { folder, path, store in
            let source = try ApplicationDatabase(path: try await other(folder, users: 2000))
            let application = try ApplicationDatabase(path: path)
            try source.queue.backup(to: application.queue)
            try application.close()
            #expect(await failure(store) == nil)
            #expect(try await store.read { try $0.value("SELECT count(*) FROM users", as: Int.self) } == 2000)
        }
    }

    @Test func `a connection for reading leaves the log alone`() async throws {
        try await inFolder { _, path, store in
            store.close()
            let reader = try Store(path: path, access: .reading)
            #expect(try await reader.feedIsEmpty())
            let writer = try Store(path: path, access: .existing)
            #expect(await failure(writer) == nil)
            #expect(try await reader.feedIsEmpty())
            #expect(reader.isInPlace)
        }
    }
}

/// The rule that distinguishes a foreign write from a checkpoint.
@Suite struct OverwriteWatchTests {
    private typealias Watch = OverwriteWatch

    private func snapshot(_ content: Int, size: Int64 = 4096, salts: UInt64 = 1, _ backfilled: UInt32 = 5) -> Watch.Snapshot {
        .init(file: .init(size: size, content: content), log: .init(salts: salts, backfilled: backfilled, attempted: backfilled))
    }

    @Test func `a file that changes without a checkpoint was overwritten`() {
        for changed in [snapshot(2), snapshot(1, size: 8192), snapshot(0)] {
            let watch = Held(Watch())
            #expect(watch.machine.checked(snapshot(1)) == false)
            #expect(watch.machine.checked(snapshot(1)) == false)
            #expect(watch.machine.checked(changed) == true)
        }
    }

    @Test func `a checkpoint or a new log explains a change`() {
        for changed in [snapshot(2, 6), snapshot(2, salts: 2), snapshot(2, size: 8192, salts: 2, 0)] {
            let watch = Held(Watch())
            #expect(watch.machine.checked(snapshot(1)) == false)
            #expect(watch.machine.checked(changed) == false)
            #expect(watch.machine.checked(changed) == false)
        }
    }

    @Test func `a change during a checkpoint is not taken for an overwrite`() {
        let watch = Held(Watch())
        #expect(watch.machine.checked(snapshot(1)) == false)
        #expect(watch.machine.checked(nil) == false)
        #expect(watch.machine.checked(snapshot(2)) == false)
        #expect(watch.machine.checked(snapshot(3)) == true)
    }

    @Test func `a wal-index of another format leads to no conclusion`() {
        #expect(Watch.LogState([UInt8](repeating: 0, count: 136)) == nil)
        #expect(Watch.LogState([]) == nil)
        var bytes = [UInt8](repeating: 0, count: 136)
        withUnsafeBytes(of: UInt32(3_007_000)) { bytes.replaceSubrange(0..<4, with: $0) }
        #expect(Watch.LogState(bytes) == nil, "the two copies of the header differ while it is written")
        bytes.replaceSubrange(48..<96, with: bytes[0..<48])
        #expect(Watch.LogState(bytes)?.isSettled == true)
        bytes[128] = 1
        #expect(Watch.LogState(bytes)?.isSettled == false)
    }
}

/// A machine whose events may be part of expectations, which see a copy of everything else.
private final class Held<Machine> {
    var machine: Machine
    init(_ machine: Machine) { self.machine = machine }
}
