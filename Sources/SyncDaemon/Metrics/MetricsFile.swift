import Glibc
import SyncCore
import SyncSystem

/// Puts the metrics text in place: written beside the file under another name and renamed, so that a reader sees one or the other
/// version, never a part. A directory that cannot be written is reported once and never stops anything.
package actor MetricsFile {
    private let path: String
    private let log: EventLog
    private let queue = DispatchQueueExecutor(label: "convosync.metrics")
    /// Failures since the first one was reported; 0 while it works.
    private var failures = 0

    package init(path: String, log: EventLog) {
        self.path = path
        self.log = log
    }

    /// File work may block: it stays off the pool that everything else runs on.
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
        // node_exporter takes only names that end in .prom, so this one is never read.
        let temporary = "\(path).\(getpid()).tmp"
        let file = try MetricsFile.create(temporary)
        do {
            try file.write(text.utf8)
            // Whatever the process's mask is: the collector runs as another user.
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

    /// A new file of ours: whatever stands there, a file that a crash left behind or a link to somewhere else, is removed and never written to.
    private static func create(_ path: String) throws(Failure) -> NewFile {
        for _ in 0..<3 {
            if unlink(path) != 0, errno != ENOENT { throw Failure("cannot remove \(path)", .last) }
            do {
                return try NewFile(path, permissions: 0o600)
            } catch {
                // Somebody put something there in between.
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
