import Glibc
import SyncCore
import SyncSystem

/// Replaces the metrics file: writes it under a temporary name in the same folder and renames it, so that a reader always sees one complete version.
/// A folder that cannot be written is reported once, and never stops the service.
package actor MetricsFile {
    private let path: String
    private let log: EventLog
    private let queue = DispatchQueueExecutor(label: "convosync.metrics")
    /// Failures since the first one was reported; 0 after a success.
    private var failures = 0

    package init(path: String, log: EventLog) {
        self.path = path
        self.log = log
    }

    /// File operations may block, so they do not run on the cooperative pool.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    package func write(_ text: String) {
        do {
            try replace(with: text)
            if failures > 0 {
                log.write(LogEvent("metrics.available", level: .notice).with("path", path).with("failures", failures))
                failures = 0
            }
        } catch {
            failures += 1
            guard failures == 1 else { return }
            log.write(
                LogEvent("metrics.unavailable", level: .warning).with("path", path).with("error", error.reason)
                    .with("hint", "the directory of metrics.textfile has to exist and to be writable by this user"))
        }
    }

    private func replace(with text: String) throws(Failure) {
        // node_exporter only reads names that end in .prom, so it never reads this file.
        let temporary = "\(path).\(getpid()).tmp"
        let file = try MetricsFile.create(temporary)
        do {
            try file.write(text.utf8)
            // Independent of the process's umask: the collector runs as another user.
            try file.setPermissions(0o644)
        } catch {
            unlink(temporary)
            throw Failure("cannot write \(temporary)", error)
        }
        guard rename(temporary, path) == 0 else {
            let failure = Failure("cannot rename to \(path)", .last)
            unlink(temporary)
            throw failure
        }
    }

    /// Creates a new file. Whatever is at the path, such as a file left by a crash or a link, is removed and never written to.
    private static func create(_ path: String) throws(Failure) -> NewFile {
        for _ in 0..<3 {
            if unlink(path) != 0, errno != ENOENT { throw Failure("cannot remove \(path)", .last) }
            do {
                return try NewFile(path, permissions: 0o600)
            } catch {
                // Another process created a file in between.
                guard error.code == EEXIST else { throw Failure("cannot create \(path)", error) }
            }
        }
        throw Failure("cannot create \(path)", SystemError(code: EEXIST))
    }

    private struct Failure: Error {
        let reason: String

        init(_ what: String, _ error: SystemError) {
            reason = "\(what): \(error)"
        }
    }
}
