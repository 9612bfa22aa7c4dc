import Synchronization

/// Something that happens a first time, seen from several threads.
final class Once: Sendable {
    private let happened = Mutex(false)

    /// True for the first one who asks.
    func isFirst() -> Bool {
        happened.withLock { happened in
            defer { happened = true }
            return !happened
        }
    }
}
