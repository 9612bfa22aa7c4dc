import Synchronization

/// The logged lines; a test can wait for an event.
final class LogLines: Sendable {
    private struct State {
        var lines: [String] = []
        var waiters: [(event: String, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func add(_ line: String) {
        let due = state.withLock { state in
            state.lines.append(line)
            let due = state.waiters.filter { LogLines.name(of: line) == $0.event }
            state.waiters.removeAll { LogLines.name(of: line) == $0.event }
            return due
        }
        for waiter in due { waiter.continuation.resume() }
    }

    private static func name(of line: String) -> String? {
        line.split(separator: " ").first { $0.hasPrefix("event=") }.map { String($0.dropFirst(6)) }
    }

    var all: [String] { state.withLock { $0.lines } }

    /// The names of the events.
    var events: [String] { all.compactMap(LogLines.name) }

    /// Returns when an event with that name has been logged.
    func wait(for event: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.lines.contains(where: { LogLines.name(of: $0) == event }) { return true }
                state.waiters.append((event, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
