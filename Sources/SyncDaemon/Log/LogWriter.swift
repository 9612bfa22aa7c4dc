import Dispatch
import SyncCore
import Synchronization

/// Writes lines on a queue of its own, so that callers never wait for the log's reader.
///
/// A reader that stalls (a full pipe, a journal that does not accept datagrams) blocks only that queue. Lines added meanwhile wait in a
/// ``LogBacklog``.
final class LogWriter: Sendable {
    private struct State {
        var backlog: LogBacklog
        var isWriting = false
        /// The number of lines written so far.
        var written = 0
        /// Set when the process ends; waiting lines are not written any more.
        var isClosed = false
    }

    private let output: @Sendable (LogBacklog.Next) -> Void
    private let queue = DispatchQueue(label: "convosync.log")
    private let state: Mutex<State>

    /// - Parameter output: writes a line, or the count of dropped lines; it may block.
    init(backlog: LogBacklog = LogBacklog(), _ output: @escaping @Sendable (LogBacklog.Next) -> Void) {
        self.output = output
        state = Mutex(State(backlog: backlog))
    }

    /// Never blocks. Lines are in the order of their timestamps.
    func append(isImportant: Bool, now: () -> Instant, _ render: (Instant) -> LogBacklog.Line) {
        let begins = state.withLock { state in
            guard !state.isClosed else { return false }
            let moment = now()
            state.backlog.append(render(moment), isImportant: isImportant, now: moment)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { queue.async { @Sendable [self] in writeAll() } }
    }

    private func writeAll() {
        while let next = state.withLock({ state -> LogBacklog.Next? in
            let next = state.isClosed ? nil : state.backlog.next()
            if next == nil { state.isWriting = false }
            return next
        }) {
            output(next)
            state.withLock { $0.written += 1 }
        }
    }

    /// Waits until everything is written: at most for `bound`, and at most for `stall` while the reader makes no progress. Lines left then are lost.
    func flush(within bound: Duration, stall: Duration) async {
        let startedAt = ContinuousClock.now
        var (written, movedAt) = (-1, startedAt)
        while true {
            let (isWriting, count) = state.withLock { ($0.isWriting, $0.written) }
            guard isWriting else { return }
            let moment = ContinuousClock.now
            if count != written { (written, movedAt) = (count, moment) }
            if moment - startedAt > .milliseconds(bound.milliseconds) || moment - movedAt > .milliseconds(stall.milliseconds) { break }
            // The process is about to end, so this polling delays nothing else, and the writer does not have to know about waiters.
            await withCheckedContinuation { continuation in
                DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) { continuation.resume() }
            }
        }
        state.withLock { $0.isClosed = true }
    }
}
