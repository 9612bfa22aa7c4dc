import Synchronization

/// A flag for the first of several threads.
final class Once: Sendable {
    private let happened = Mutex(false)

    /// True for the first caller.
    func isFirst() -> Bool {
        happened.withLock { happened in
            defer { happened = true }
            return !happened
        }
    }
}
