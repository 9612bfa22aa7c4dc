import GRDB
import SyncCore

/// The service that works with the database, or did last, as it wrote itself down.
package struct StoredService: Sendable, Equatable {
    package var process: ProcessIdentity
    package var version: String
    package var startedAt: String
    /// The file of the configuration in force, and when it was read.
    package var configurationPath: String
    package var configuredAt: String
    /// Its last sign of life; it gives one about once a minute.
    package var seenAt: String
    /// Nil while it runs, and after an end that was not orderly.
    package var stoppedAt: String?

    package init(process: ProcessIdentity, version: String, configurationPath: String, startedAt: Instant) {
        self.process = process
        self.version = version
        self.startedAt = startedAt.iso8601
        self.configurationPath = configurationPath
        configuredAt = startedAt.iso8601
        seenAt = startedAt.iso8601
    }
}

extension Store {
    /// Writes down who the service is and that it lives, or that it has ended in order.
    package func record(_ service: StoredService) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO service (id, boot_id, pid_namespace, pid, started_ticks, version, started_at, configuration,
                        configured_at, seen_at, stopped_at)
                    VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    service.process.bootID, service.process.pidNamespace, service.process.pid, service.process.startedTicks,
                    service.version, service.startedAt, service.configurationPath, service.configuredAt, service.seenAt, service.stoppedAt,
                ])
        }
    }

    static func service(_ db: Database) throws -> StoredService? {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT boot_id, pid_namespace, pid, started_ticks, version, started_at, configuration, configured_at, seen_at, stopped_at
                FROM service
                """)
        guard var service = row.map(StoredService.init) else { return nil }
        // A run is a sign of life as well.
        let run = try String.fetchOne(
            db,
            sql: """
                SELECT coalesce(finished_at, started_at) FROM runs WHERE process_id IN (
                    SELECT p.id FROM processes p WHERE p.boot_id = ? AND p.pid = ? AND p.started_ticks = ?)
                ORDER BY id DESC LIMIT 1
                """, arguments: [service.process.bootID, service.process.pid, service.process.startedTicks])
        service.seenAt = max(service.seenAt, run ?? "")
        return service
    }

    /// Who holds the database, for an error text; nil where it cannot be told, as with a schema of another version.
    static func serviceText(_ queue: DatabaseQueue) -> String? {
        // One that has ended is not the one that holds the lock, which has not written itself down yet.
        guard let service = try? queue.read({ db in try service(db) }), service.stoppedAt == nil else { return nil }
        return "pid \(service.process.pid), running since \(service.startedAt), version \(service.version)"
    }
}

extension StoredService {
    fileprivate init(_ row: Row) {
        process = ProcessIdentity(bootID: row[0], pidNamespace: row[1], pid: row[2], startedTicks: row[3])
        (version, startedAt, configurationPath, configuredAt, seenAt, stoppedAt) = (row[4], row[5], row[6], row[7], row[8], row[9])
    }
}
