import Dispatch
import Foundation

/// Notices writes to a SQLite file: an inotify descriptor on its directory, read by a Dispatch source.
///
/// The event is only a hint: it comes before the commit is published, and our own commits cause it as well. Whoever gets it compares
/// `PRAGMA data_version` (now and a little later).
final class DatabaseWatcher {
    private let source: any DispatchSourceRead

    /// - Parameter onChange: called on `queue` once per batch of events.
    /// - Returns: nil where inotify is not to be had (limits, exotic file systems); the interval still finds changes then.
    init?(path: String, queue: DispatchQueue, onChange: @escaping @Sendable () -> Void) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        let directory = (path as NSString).deletingLastPathComponent
        let file = (path as NSString).lastPathComponent
        let mask = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO)
        guard inotify_add_watch(descriptor, directory.isEmpty ? "." : directory, mask) >= 0 else {
            close(descriptor)
            return nil
        }
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        let names: Set<String> = [file, "\(file)-wal"]
        source.setEventHandler { @Sendable in
            if DatabaseWatcher.drain(descriptor, mentions: names) { onChange() }
        }
        // A descriptor may be closed only when its source is done with it.
        source.setCancelHandler { @Sendable in close(descriptor) }
        source.activate()
    }

    deinit {
        source.cancel()
    }

    /// Reads all events that are there; true when one of them is about one of the names (inotify(7)).
    private static func drain(_ descriptor: Int32, mentions names: Set<String>) -> Bool {
        var isMentioned = false
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var offset = 0
                let header = MemoryLayout<inotify_event>.size
                while offset + header <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let start = offset + header
                    let nameBytes = buffer[start..<min(start + Int(event.len), count)].prefix { $0 != 0 }
                    // An overflowed queue may have lost our file's events.
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 || names.contains(String(decoding: nameBytes, as: UTF8.self)) {
                        isMentioned = true
                    }
                    offset = start + Int(event.len)
                }
            }
        }
        return isMentioned
    }
}
