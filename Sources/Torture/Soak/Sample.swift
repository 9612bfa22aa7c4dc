import Foundation

/// What a process and its database use at one time.
struct Sample: Sendable {
    /// Since the start of the soak, in seconds.
    let time: Double
    let residentBytes: Int
    let descriptors: Int
    let logBytes: Int
    /// Of the program's tables and indexes whose size has a bound: the application's grow as it pleases, and what remotes reported is kept by age.
    let databaseBytes: Int
    /// Entries that wait to be planned, and outbox rows that are not finished.
    let queue: Int

    static let columns = ["seconds", "rss_bytes", "descriptors", "wal_bytes", "database_bytes", "queue"]

    var values: [Double] {
        [time, Double(residentBytes), Double(descriptors), Double(logBytes), Double(databaseBytes), Double(queue)]
    }

    init(time: Double, residentBytes: Int, descriptors: Int, logBytes: Int, databaseBytes: Int, queue: Int) {
        self.time = time
        self.residentBytes = residentBytes
        self.descriptors = descriptors
        self.logBytes = logBytes
        self.databaseBytes = databaseBytes
        self.queue = queue
    }

    /// - Returns: nil if the process has ended.
    static func take(_ process: ProgramRun, _ stage: Stage, time: Double) async throws -> Sample? {
        guard let resident = ProcessMemory.resident(process.pid),
            let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
        else { return nil }
        let log = try? FileManager.default.attributesOfItem(atPath: "\(stage.databasePath)-wal")[.size] as? Int
        let (pages, queue) = try await stage.application.onThread { database in
            (
                try database.number(
                    """
                    SELECT sum(pgsize) FROM dbstat('main', 1) WHERE name IN (SELECT name FROM sqlite_schema
                        WHERE tbl_name NOT IN ('conversations', 'users', 'links', 'messages', 'assignees', 'inbox', 'adopted_changes'))
                    """),
                try database.number(
                    """
                    SELECT (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) + (SELECT count(*) FROM change_feed)
                        + (SELECT count(*) FROM message_feed)
                    """)
            )
        }
        return Sample(
            time: time, residentBytes: resident, descriptors: descriptors, logBytes: log ?? 0, databaseBytes: pages, queue: queue)
    }
}

/// The memory of a process, from /proc/PID/status (proc(5)).
enum ProcessMemory {
    /// Bytes at present; nil if there is no such process.
    static func resident(_ pid: pid_t) -> Int? { value("VmRSS:", pid) }

    /// The most bytes so far; nil if there is no such process.
    static func peak(_ pid: pid_t) -> Int? { value("VmHWM:", pid) }

    private static func value(_ name: String, _ pid: pid_t) -> Int? {
        // The file is gone with the process.
        let lines = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8))?.split(separator: "\n")
        let line = lines?.first { $0.hasPrefix(name) }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
