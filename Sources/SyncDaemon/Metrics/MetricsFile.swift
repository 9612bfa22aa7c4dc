import Foundation
import SyncCore

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

    private func replace(with text: String) throws(Refusal) {
        // node_exporter takes only names that end in .prom, so this one is never read.
        let temporary = "\(path).\(getpid()).tmp"
        let descriptor = try MetricsFile.create(temporary)
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let failure = MetricsFile.failure("cannot write \(temporary)")
                unlink(temporary)
                throw failure
            }
            rest = rest.dropFirst(count)
        }
        // Whatever the process's mask is: the collector runs as another user.
        fchmod(descriptor, 0o644)
        guard rename(temporary, path) == 0 else {
            let failure = MetricsFile.failure("cannot rename to \(path)")
            unlink(temporary)
            throw failure
        }
    }

    /// A new file of ours: whatever stands there, a file that a crash left behind or a link to somewhere else, is removed and never written to.
    private static func create(_ path: String) throws(Refusal) -> Int32 {
        for _ in 0..<3 {
            if unlink(path) != 0, errno != ENOENT { throw failure("cannot remove \(path)") }
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            if descriptor >= 0 { return descriptor }
            // Somebody put something there in between.
            guard errno == EEXIST else { break }
        }
        throw failure("cannot create \(path)")
    }

    private static func failure(_ what: String) -> Refusal {
        Refusal("\(what): \(String(cString: strerror(errno)))")
    }
}
