import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Appends finished requests to a file, one line of JSON each, on a queue of its own.
///
/// Lines are in the order in which the requests finished; `sequence` is the order of arrival.
final class RecordFile: Sendable {
    /// The most bytes that may wait to be written. Further lines are dropped, because a slow disk must not stop the systems.
    private static let maximumWaitingBytes = 64 * 1024 * 1024

    private struct Waiting: Sendable {
        var writer = JSONWriter(capacity: 64 * 1024)
        var isScheduled = false
    }

    private let queue = DispatchQueue(label: "sandbox.record-file")
    private let descriptor: Int32
    private let waiting = Mutex(Waiting())

    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw RecordFileError(path: path, code: errno) }
    }

    deinit {
        close(descriptor)
    }

    func append(_ record: RequestRecord) {
        let mustSchedule = waiting.withLock { waiting in
            guard waiting.writer.bytes.count < Self.maximumWaitingBytes else { return false }
            record.write(into: &waiting.writer)
            waiting.writer.write(literal: "\n")
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        if mustSchedule { queue.async { @Sendable in self.writeWaiting() } }
    }

    private func writeWaiting() {
        let bytes = waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return waiting.writer.bytes
        }
        bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count, let start = buffer.baseAddress {
                let count = write(descriptor, start + offset, buffer.count - offset)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                offset += count
            }
        }
    }

    /// Returns when everything appended before is in the file.
    func flush() async {
        await withCheckedContinuation { continuation in
            queue.async { @Sendable in
                self.writeWaiting()
                continuation.resume()
            }
        }
    }
}

/// Why the record file could not be opened.
struct RecordFileError: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    var description: String { "\(path): \(String(cString: strerror(code)))" }
}
