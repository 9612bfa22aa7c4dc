import Dispatch
import FoundationEssentials
import Glibc

/// Notices changes of files: one inotify descriptor on their directories, read by a Dispatch source.
///
/// Directories are watched, not the files: a file that is replaced by a rename takes its watch with it. Where a path leads over symbolic
/// links, each link is watched as well (a mounted secret is changed by pointing a link elsewhere).
///
/// An event is only a hint, and may be about something else. Not thread-safe: its owner lives on the queue.
final class FileWatcher {
    /// What came out of the descriptor in one go.
    struct Events: Sendable {
        fileprivate struct Name: Hashable {
            var watch: Int32
            var name: String
        }

        fileprivate var names: Set<Name> = []
        /// The queue in the kernel overflowed: events of any file may be lost.
        fileprivate var areIncomplete = false
    }

    /// Events for files that are written while they are open, as databases are (inotify(7)).
    static let writes = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO)
    /// Events for files that are put in place as a whole: not while somebody still writes.
    static let replacements =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE)

    private let source: any DispatchSourceRead
    private let descriptor: Int32
    private let mask: UInt32
    private var paths: [String]
    /// The names that matter, by watch.
    private var names: [Int32: Set<String>] = [:]

    /// - Parameter onEvents: called on `queue` once per batch; ``concern(_:)`` says whether they matter.
    /// - Returns: nil where inotify is not to be had (limits, exotic file systems).
    init?(paths: [String], mask: UInt32, queue: DispatchQueue, onEvents: @escaping @Sendable (Events) -> Void) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        self.mask = mask
        self.paths = paths
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        source.setEventHandler { @Sendable in onEvents(FileWatcher.drain(descriptor)) }
        // A descriptor may be closed only when its source is done with it.
        source.setCancelHandler { @Sendable in close(descriptor) }
        source.activate()
        guard watchAgain() else { return nil }
    }

    deinit {
        source.cancel()
    }

    /// Follows the paths anew: directories may have come, gone or been replaced, links may point elsewhere.
    /// - Returns: false when nothing can be watched.
    @discardableResult
    func watchAgain() -> Bool {
        var fresh: [Int32: Set<String>] = [:]
        for path in paths {
            let places = FileWatcher.places(of: path)
            for place in places {
                let watch = inotify_add_watch(descriptor, place.directory, mask)
                if watch >= 0 { fresh[watch, default: []].insert(place.name) }
            }
        }
        for watch in names.keys where fresh[watch] == nil { inotify_rm_watch(descriptor, watch) }
        names = fresh
        return !names.isEmpty
    }

    /// Whether one of the files may have changed.
    func concern(_ events: Events) -> Bool {
        events.areIncomplete || events.names.contains { names[$0.watch]?.contains($0.name) == true }
    }

    /// Every directory entry that decides what the path leads to: the last one, and all links on the way.
    private static func places(of path: String) -> [(directory: String, name: String)] {
        var places: [(directory: String, name: String)] = []
        var directory = path.hasPrefix("/") ? "/" : "."
        var rest = path.split(separator: "/").map(String.init)
        // As many links as Linux follows before it gives up with ELOOP.
        var linksLeft = 40
        while !rest.isEmpty {
            let name = rest.removeFirst()
            let entry = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            // What is not a link, or not there, leads nowhere else.
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: entry)
            if target != nil || rest.isEmpty { places.append((directory, name)) }
            if let target, linksLeft > 0 {
                linksLeft -= 1
                if target.hasPrefix("/") { directory = "/" }
                rest = target.split(separator: "/").map(String.init) + rest
            } else {
                directory = entry
            }
        }
        return places
    }

    /// Reads all events that are there (inotify(7)).
    private static func drain(_ descriptor: Int32) -> Events {
        var events = Events()
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var offset = 0
                let header = MemoryLayout<inotify_event>.size
                while offset + header <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let start = offset + header
                    let name = buffer[start..<min(start + Int(event.len), count)].prefix { $0 != 0 }
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { events.areIncomplete = true }
                    events.names.insert(.init(watch: event.wd, name: String(decoding: name, as: UTF8.self)))
                    offset = start + Int(event.len)
                }
            }
        }
        return events
    }
}
