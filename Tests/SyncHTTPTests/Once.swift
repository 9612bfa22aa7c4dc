import Synchronization

/// Something that happens a first time, seen from several threads.
final class Once: Sendable {
    private let happened = Mutex(false)

    var hasHappened: Bool { happened.withLock { $0 } }

    /// True for the first one who asks.
    func isFirst() -> Bool {
        happened.withLock { happened in
            defer { happened = true }
            return !happened
        }
    }
}

/// Counts on several threads.
final class Counter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    func increase() {
        value.withLock { $0 += 1 }
    }
}
