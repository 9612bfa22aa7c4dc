import Dispatch
import SyncCore
import Synchronization

/// Writes lines on a queue of its own: whoever has something to say never waits for whoever reads it.
///
/// A reader that stalls (a full pipe, a journal that does not take its datagrams) blocks that queue and nothing else. What comes
/// meanwhile waits in a ``LogBacklog``.
final class LogWriter: Sendable {
    private struct State {
        var backlog: LogBacklog
        var isWriting = false
        /// How many lines were written so far.
        var written = 0
        /// When the process ends, the rest is not written.
        var isClosed = false
    }

    private let output: @Sendable (LogBacklog.Next) -> Void
    private let queue = DispatchQueue(label: "convosync.log")
    private let state: Mutex<State>

    /// - Parameter output: writes a line, or says that lines were dropped; it may block for as long as it takes.
    init(backlog: LogBacklog = LogBacklog(), _ output: @escaping @Sendable (LogBacklog.Next) -> Void) {
        self.output = output
        state = Mutex(State(backlog: backlog))
    }

    /// Never blocks. Lines have the order of their times.
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

    /// Waits until everything is written: for `bound` at most, and no longer than `stall` for a reader that takes nothing. What is left
    /// then is lost.
    func flush(within bound: Duration, stall: Duration) async {
        let startedAt = ContinuousClock.now
        var (written, movedAt) = (-1, startedAt)
        while true {
            let (isWriting, count) = state.withLock { ($0.isWriting, $0.written) }
            guard isWriting else { return }
            let moment = ContinuousClock.now
            if count != written { (written, movedAt) = (count, moment) }
            if moment - startedAt > .milliseconds(bound.milliseconds) || moment - movedAt > .milliseconds(stall.milliseconds) { break }
            // The process is about to end: nothing else runs that this could hold up, and the writer is to know nothing of who waits.
            await withCheckedContinuation { continuation in
                DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) { continuation.resume() }
            }
        }
        state.withLock { $0.isClosed = true }
    }
}
