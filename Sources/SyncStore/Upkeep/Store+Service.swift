import SyncCore

/// The service that works with the database, or the last one that did, as it registered itself.
package struct StoredService: Sendable, Equatable {
    package var process: ProcessIdentity
    package var version: String
    package var startedAt: String
    /// The configuration file in force, and when it was read.
    package var configurationPath: String
    package var configuredAt: String
    /// Its last heartbeat; it writes one about once a minute.
    package var seenAt: String
    /// Nil while it runs, and after an unclean end.
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
    /// Stores the service's identity and heartbeat, or that it has shut down.
    package func record(_ service: StoredService) async throws(StoreError) {
        try await write { session in
            let process = service.process
            try session.run(
                """
                INSERT OR REPLACE INTO service (id, \(StoredService.columns))
                VALUES (1, \(process.bootID), \(process.pidNamespace), \(process.pid), \(process.startedTicks), \(service.version),
                    \(service.startedAt), \(service.configurationPath), \(service.configuredAt), \(service.seenAt), \(service.stoppedAt))
                """)
        }
    }

    static func service(_ session: any Session) throws -> StoredService? {
        guard var service = try session.row("SELECT \(StoredService.columns) FROM service", as: StoredService.self) else { return nil }
        let process = service.process
        // A run counts as a heartbeat, too.
        let run: String? = try session.value(
            """
            SELECT coalesce(finished_at, started_at) FROM runs WHERE process_id IN (
                SELECT p.id FROM processes p
                WHERE p.boot_id = \(process.bootID) AND p.pid = \(process.pid) AND p.started_ticks = \(process.startedTicks))
            ORDER BY id DESC LIMIT 1
            """)
        service.seenAt = max(service.seenAt, run ?? "")
        return service
    }

    /// A description of the running service for an error text; nil if it is unknown, for example with a schema of another version.
    package static func serviceText(_ session: any Session) -> String? {
        // A service that has stopped is not the one that holds the lock, which has not registered itself yet. If reading fails, nothing is lost: the
        // error that this text belongs to is thrown either way, without naming a service.
        guard let service = try? session.transaction(.reading, { try service(session) }), service.stoppedAt == nil else { return nil }
        return "pid \(service.process.pid), running since \(service.startedAt), version \(service.version)"
    }
}

extension StoredService: RowRecord {
    package static let columns: SQL = """
        boot_id, pid_namespace, pid, started_ticks, version, started_at, configuration, configured_at, seen_at, stopped_at
        """

    package init(_ columns: inout Columns) throws {
        process = ProcessIdentity(
            bootID: try columns.next(), pidNamespace: try columns.next(), pid: try columns.next(), startedTicks: try columns.next())
        version = try columns.next()
        startedAt = try columns.next()
        configurationPath = try columns.next()
        configuredAt = try columns.next()
        seenAt = try columns.next()
        stoppedAt = try columns.next()
    }
}
