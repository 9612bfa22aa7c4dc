import Foundation
import GRDB
import SyncCore
import SyncSQLite
import SyncStore
import Synchronization
import Testing

@testable import SyncDaemon

/// Pruning in the quiet between runs.
@Suite struct HousekeeperTests {
    private let now = Instant(milliseconds: 1_772_366_400_000)

    /// A store with 2000 superseded rows that are a year old.
    private func store() async throws -> (Store, DatabaseQueue, URL) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent("convosync.db").path
        let store = try Store(path: path, access: .migrating)
        let application = try DatabaseQueue(path: path)
        let old = (now - .days(365)).iso8601
        try await application.write { db in
            try db.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                    INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key,
                        state, due_at, created_at, updated_at, finished_at)
                    SELECT 'c1', 'vg', 'state', 'o', 'PATCH', '/', hex(randomblob(3000)), 't', 'k' || i, 'superseded', ?1, ?1, ?1, ?1 FROM n
                    """, arguments: [old])
        }
        return (store, application, folder)
    }

    private func rows(_ application: DatabaseQueue) async throws -> Int {
        try await application.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM outbox") ?? -1 }
    }

    @Test func `a sweep deletes page by page, says so once, and gives pages back`() async throws {
        let (store, application, folder) = try await store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let lines = Mutex<[String]>([])
        let log = EventLog(.init(), hasPriorityPrefix: false, output: { line in lines.withLock { $0.append(line) } })
        let housekeeper = Housekeeper(store: store, log: log, settings: .init())
        let before = try await store.size()
        try await housekeeper.work(within: .hours(1), now: { now }, isWanted: { true })
        #expect(try await rows(application) == 0)
        #expect(await housekeeper.prunedRows == 2000)
        #expect(lines.withLock { $0.filter { $0.contains("event=retention.pruned") && $0.contains("rows=2000") }.count } == 1)
        let after = try await store.size()
        #expect(after.pages < before.pages / 2)
        #expect(after.freePages <= 1000 + after.pages / 10)
    }

    @Test func `it stops as soon as somebody needs the database, and goes on where it was`() async throws {
        let (store, application, folder) = try await store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let housekeeper = Housekeeper(store: store, log: EventLog(.init(), output: { _ in }), settings: .init())
        let steps = Mutex(0)
        try await housekeeper.work(within: .hours(1), now: { now }) {
            steps.withLock { steps in
                steps += 1
                return steps <= 2
            }
        }
        #expect(try await rows(application) == 1000)
        try await housekeeper.work(within: .hours(1), now: { now }, isWanted: { false })
        #expect(try await rows(application) == 1000)
        try await housekeeper.work(within: .hours(1), now: { now }, isWanted: { true })
        #expect(try await rows(application) == 0)
    }

    @Test func `it stops when its time is over`() async throws {
        let (store, application, folder) = try await store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let housekeeper = Housekeeper(store: store, log: EventLog(.init(), output: { _ in }), settings: .init())
        let clock = Mutex(now)
        // Every look at the clock takes 40 ms.
        try await housekeeper.work(
            within: .milliseconds(200),
            now: {
                clock.withLock { clock in
                    clock = clock + .milliseconds(40)
                    return clock
                }
            }, isWanted: { true })
        let left = try await rows(application)
        #expect(left > 0 && left < 2000)
    }

    @Test func `switched off it deletes nothing`() async throws {
        let (store, application, folder) = try await store()
        defer { try? FileManager.default.removeItem(at: folder) }
        var settings = Retention.Settings()
        settings.isEnabled = false
        let housekeeper = Housekeeper(store: store, log: EventLog(.init(), output: { _ in }), settings: settings)
        try await housekeeper.work(within: .hours(1), now: { now }, isWanted: { true })
        #expect(try await rows(application) == 2000)
    }
}
