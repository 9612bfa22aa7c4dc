import SyncCore
import Synchronization

/// Counts since the start of the process, for the metrics file. They survive a reload, but not a restart.
package final class DeliveryTally: Sendable {
    package struct Remote: Sendable, Equatable {
        /// The number of calls by outcome.
        package var calls: [String: Int] = [:]
        package var seconds = 0.0
        /// Poll cycles, and how many of them failed.
        package var reads = 0
        package var failedReads = 0
    }

    package struct Counts: Sendable, Equatable {
        package var remotes: [String: Remote] = [:]
        package var runs = 0
        package var failedRuns = 0
        package var braked = 0
        package var droppedEvents = 0
        /// Finished rows that retention has deleted.
        package var prunedRows = 0
        package var lastRunSeconds: Double?
        package var lastRunEndedAt: Instant?
    }

    private let state = Mutex(Counts())

    package init() {}

    package var counts: Counts { state.withLock { $0 } }

    func count(_ call: FinishedCall, _ outcome: DeliveryOutcome) {
        state.withLock { counts in
            counts.remotes[call.claimed.remote, default: Remote()].calls[outcome.outcome.rawValue, default: 0] += 1
            // The clock may have been set back during the call; a counter must not decrease.
            counts.remotes[call.claimed.remote, default: Remote()].seconds += max((call.finishedAt - call.startedAt).seconds, 0)
        }
    }

    func countRun(hasFailed: Bool, from start: Instant, to end: Instant) {
        state.withLock { counts in
            counts.runs += 1
            if hasFailed { counts.failedRuns += 1 }
            // The clock may have been set back during the run; a run must not end before it began.
            counts.lastRunSeconds = max((end - start).seconds, 0)
            counts.lastRunEndedAt = end
        }
    }

    func countRead(_ remote: String, hasFailed: Bool) {
        state.withLock { counts in
            counts.remotes[remote, default: Remote()].reads += 1
            if hasFailed { counts.remotes[remote, default: Remote()].failedReads += 1 }
        }
    }

    func countDroppedEvents(_ number: Int) {
        state.withLock { $0.droppedEvents += number }
    }

    func countPruned(_ rows: Int) {
        state.withLock { $0.prunedRows += rows }
    }

    func countBrake() {
        state.withLock { $0.braked += 1 }
    }
}
