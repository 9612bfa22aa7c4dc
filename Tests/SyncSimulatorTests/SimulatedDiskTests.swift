import SyncCore
import SyncSQLite
import SyncStore
import Testing

@testable import SyncSimulator

/// The disk does to real SQLite what a machine does: kill, power cut, a full disk, locks.
@Suite(.ownThread) struct SimulatedDiskTests {
    private let disk: SimulatedDisk
    private let application: Application

    init() throws {
        disk = SimulatedDisk()
        disk.wall = VirtualClock.start
        application = try Application(disk)
        application.crash()
    }

    /// A process with its connection.
    private final class Process {
        let mount: DiskMount
        let store: Store

        init(_ disk: SimulatedDisk) throws {
            mount = DiskMount(disk)
            store = try Store(path: Application.path, access: .existing, vfs: mount.name)
        }

        deinit {
            store.close()
        }

        func insert(_ id: String) async throws {
            try await store.write { session in _ = try session.run("INSERT INTO users (id, name) VALUES (\(id), 'Jane Doe')") }
        }

        var users: [String] {
            get async throws { try await store.read { session in try session.values("SELECT id FROM users ORDER BY id") } }
        }
    }

    @Test func `what was committed survives every power cut, and what was not is there whole or not at all`() async throws {
        var random = SplitMix64(seed: 1)
        var kept: [String] = []
        for round in 0..<40 {
            do {
                let process = try Process(disk)
                #expect(try await process.users == kept)
                try await process.insert("u\(round + 100)")
                kept.append("u\(round + 100)")
                // Dies in the middle of one more transaction.
                process.mount.changesToLive = round % 5
                await #expect(throws: StoreError.self) { try await process.insert("v\(round + 100)") }
                process.mount.kill()
            }
            disk.losePower(&random)
            let users = try await Process(disk).users
            if users.count > kept.count { kept = users }
            #expect(users == kept)
        }
        #expect(kept.count >= 40)
    }

    @Test func `a power cut takes what was not synced`() {
        var (lost, random) = (0, SplitMix64(seed: 2))
        for _ in 0..<100 {
            let file = DiskFile(name: "f")
            file.replace(with: [UInt8](repeating: 1, count: 2048))
            [UInt8](repeating: 2, count: 1024).withUnsafeBytes { file.write($0, at: 512) }
            file.losePower(&random)
            #expect(file.size == 2048)
            // Sectors are written or not, and their neighbours stay.
            let sectors = (0..<4).map { Set(file.bytes[$0 * 512..<($0 + 1) * 512]) }
            #expect(sectors.allSatisfy { $0.count == 1 })
            #expect(sectors[0] == [1] && sectors[3] == [1])
            if sectors[1] == [1] { lost += 1 }
        }
        #expect((20...80).contains(lost))
    }

    @Test func `a killed process changes nothing any more, and its locks are gone`() async throws {
        let (first, second) = (try Process(disk), try Process(disk))
        let before = disk.file(Application.path).bytes
        first.mount.kill()
        await #expect(throws: StoreError.self) { try await first.insert("u1") }
        first.store.close()
        #expect(disk.file(Application.path).bytes == before)
        try await second.insert("u2")
        #expect(try await second.users == ["u2"])
    }

    @Test func `a write lock of another process is waited for, without time passing outside`() async throws {
        let (first, second) = (try Process(disk), try Process(disk))
        let begin = ContinuousClock.now
        try await first.store.write { _ in }
        _ = try await first.store.connection.perform { session in try session.run("BEGIN IMMEDIATE") }
        await #expect(throws: StoreError.locked) { try await second.insert("u1") }
        #expect(disk.waited >= Store.busyTimeout / 2)
        #expect(Store.busyTimeout == .seconds(5))
        #expect(ContinuousClock.now - begin < .seconds(60))
        _ = try await first.store.connection.perform { session in try session.run("COMMIT") }
        try await second.insert("u1")
    }

    @Test func `a full disk refuses a commit and loses nothing`() async throws {
        let process = try Process(disk)
        try await process.insert("u1")
        disk.capacity = disk.used
        await #expect(throws: StoreError.self) { try await process.insert("u2") }
        disk.capacity = .max
        try await process.insert("u3")
        #expect(try await process.users == ["u1", "u3"])
    }
}
