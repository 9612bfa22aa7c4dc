import Dispatch
import FoundationEssentials
import Glibc

/// Detects changes of files, with one inotify descriptor for their directories, read by a Dispatch source.
///
/// The directories are watched and not the files, because a rename that replaces a file removes the file's watch. If a path contains symbolic links,
/// each link is watched as well (a mounted secret is changed by replacing a link); for replacements every folder of the path, too.
///
/// An event is only a hint, and may concern something else. Not thread-safe: its owner runs on the queue.
final class FileWatcher {
    /// The events of one read of the descriptor.
    struct Events: Sendable {
        fileprivate struct Name: Hashable {
            var watch: Int32
            var name: String
        }

        fileprivate var names: Set<Name> = []
        /// The kernel's queue overflowed, so events of any file may be missing.
        fileprivate var areIncomplete = false
    }

    /// Events for files that are written while they are open, such as databases (inotify(7)).
    static let writes = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO)
    /// Events for files that are replaced as a whole; none while a file is still being written.
    static let replacements =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE)

    private let source: any DispatchSourceRead
    private let descriptor: Int32
    private let mask: UInt32
    private var paths: [String]
    /// The relevant names, by watch.
    private var names: [Int32: Set<String>] = [:]

    /// - Parameter onEvents: called on `queue` once per batch; ``concern(_:)`` tells whether they are relevant.
    /// - Returns: nil if inotify is not available (limits, exotic file systems).
    init?(paths: [String], mask: UInt32, queue: DispatchQueue, onEvents: @escaping @Sendable (Events) -> Void) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        self.mask = mask
        self.paths = paths
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        source.setEventHandler { @Sendable in onEvents(FileWatcher.drain(descriptor)) }
        // A descriptor may be closed only in the cancel handler of its source.
        source.setCancelHandler { @Sendable in close(descriptor) }
        source.activate()
        guard watchAgain() else { return nil }
    }

    deinit {
        source.cancel()
    }

    /// Resolves the paths again: directories may have been created, removed or replaced, and links may have changed.
    /// - Returns: false if nothing can be watched.
    @discardableResult
    func watchAgain() -> Bool {
        var fresh: [Int32: Set<String>] = [:]
        for path in paths {
            for place in FileWatcher.places(of: path, withFolders: mask == FileWatcher.replacements) {
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

    /// The directory entries that determine what the path refers to: the last one, and all links on the way.
    /// - Parameter withFolders: also the folders on the way, which can be replaced as well.
    private static func places(of path: String, withFolders: Bool) -> [(directory: String, name: String)] {
        var places: [(directory: String, name: String)] = []
        var directory = path.hasPrefix("/") ? "/" : "."
        var rest = path.split(separator: "/").map(String.init)
        // Linux follows at most 40 links and then fails with ELOOP.
        var linksLeft = 40
        while !rest.isEmpty {
            let name = rest.removeFirst()
            let entry = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            // An error means that the entry is not a link or does not exist, and so leads nowhere else.
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: entry)
            if target != nil || rest.isEmpty || withFolders { places.append((directory, name)) }
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

    /// Reads all pending events (inotify(7)).
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
