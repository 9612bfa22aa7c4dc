import Dispatch
import Synchronization

/// A value that others wait on: after every change they check it again. Nothing polls.
package final class Watched<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var value: Value
        var changes = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let state: Mutex<State>

    package init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    package var value: Value { state.withLock { $0.value } }

    package func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        let (result, waiters) = state.withLock { state -> (Result, [CheckedContinuation<Void, Never>]) in
            let result = body(&state.value)
            state.changes += 1
            defer { state.waiters = [:] }
            return (result, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume() }
        return result
    }

    /// What `find` found, or nil when the time was over first.
    package func wait<Found: Sendable>(for timeout: Duration = patience, until find: @Sendable (Value) -> Found?) async -> Found? {
        let deadline = ContinuousClock.now + timeout
        while true {
            let (value, seen) = state.withLock { ($0.value, $0.changes) }
            if let found = find(value) { return found }
            let rest = deadline - ContinuousClock.now
            guard rest > .zero, !Task.isCancelled else { return nil }
            await waitForChange(after: seen, for: rest)
        }
    }

    private func waitForChange(after seen: Int, for rest: Duration) async {
        await withCheckedContinuation { continuation in
            let identifier = state.withLock { state -> Int? in
                guard state.changes == seen else { return nil }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = continuation
                return state.nextWaiter
            }
            guard let identifier else { return continuation.resume() }
            let seconds = Double(rest.components.seconds) + Double(rest.components.attoseconds) / 1e18
            // A queue of its own: the cooperative pool may be busy when an alarm is due.
            watchedAlarms.asyncAfter(deadline: .now() + seconds) { @Sendable [weak self] in self?.wake(identifier) }
        }
    }

    private func wake(_ identifier: Int) {
        state.withLock { $0.waiters.removeValue(forKey: identifier) }?.resume()
    }
}

private let watchedAlarms = DispatchQueue(label: "tests.alarms")

/// Longer than anything takes that works, on a machine that is busy with other things.
package let patience = Duration.seconds(90)
