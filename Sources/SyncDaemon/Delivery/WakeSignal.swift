import Synchronization

/// Lets one task wait until another one wakes it. A wake that comes before the wait is not lost; after ``end()`` no wait begins.
final class WakeSignal: Sendable {
    private enum State {
        case idle
        case woken
        case waiting(CheckedContinuation<Void, Never>)
        case ended
    }

    private let state = Mutex(State.idle)

    func wait() async {
        await withCheckedContinuation { continuation in
            let isDue = state.withLock { state in
                switch state {
                case .idle:
                    state = .waiting(continuation)
                    return false
                case .waiting:
                    preconditionFailure("only one task waits at a time")
                case .woken:
                    state = .idle
                    return true
                case .ended:
                    return true
                }
            }
            if isDue { continuation.resume() }
        }
    }

    func wake() { move(to: .woken) }

    /// Wakes whoever waits, for the last time.
    func end() { move(to: .ended) }

    private func move(to next: State) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            if case .ended = state { return nil }
            guard case .waiting(let continuation) = state else {
                state = next
                return nil
            }
            if case .ended = next { state = .ended } else { state = .idle }
            return continuation
        }
        waiter?.resume()
    }
}
