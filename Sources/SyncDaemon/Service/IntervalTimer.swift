import Dispatch
import Synchronization

/// Calls `work` at intervals until it is cancelled. While one call runs, no other begins.
final class IntervalTimer: Sendable {
    private let interval: DispatchTimeInterval
    private let work: @Sendable () async -> Void
    private let queue: DispatchQueue
    private let state = Mutex((isAtWork: false, isCancelled: false))

    /// - Parameter interval: also the time before the first call.
    init(every interval: DispatchTimeInterval, label: String, _ work: @escaping @Sendable () async -> Void) {
        self.interval = interval
        self.work = work
        queue = DispatchQueue(label: label)
        wait()
    }

    private func wait() {
        queue.asyncAfter(deadline: .now() + interval) { @Sendable [weak self] in self?.fired() }
    }

    private func fired() {
        let (begins, isCancelled) = state.withLock { state in
            defer { state.isAtWork = true }
            return (!state.isAtWork, state.isCancelled)
        }
        guard !isCancelled else { return }
        wait()
        guard begins else { return }
        Task {
            await work()
            state.withLock { $0.isAtWork = false }
        }
    }

    /// Stops the timer. A running call continues.
    func cancel() {
        state.withLock { $0.isCancelled = true }
    }
}
