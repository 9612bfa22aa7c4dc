/// Decides when to check whether another process has committed to the database. A state machine over events.
///
/// A write to a file of the database is only a hint: it comes before the commit is visible, by as long as the disk takes to sync it, and
/// our own commits cause it as well. So one write starts a series of checks with growing gaps.
///
/// | state    | event                   | next check                                                          |
/// |----------|-------------------------|---------------------------------------------------------------------|
/// | resting  | written                 | after 1 ms: a series begins                                         |
/// | series   | written                 | after 20 ms at the latest; from there on the gaps grow again        |
/// | checking | written                 | when the check ends, by one of the two rules above                  |
/// | checking | checked, nothing new    | after the next gap: 5, 20, 100, 200, 400 ms, then every second      |
/// | checking | checked, a commit is new | after a second: the write is explained by it                       |
///
/// Invariants: one check at a time; writes never postpone a check that is due; there is a check every second whatever the files report, so
/// a commit is seen within a second of becoming visible, even if no writes are reported.
package struct CommitCheckSchedule: Equatable, Sendable {
    private static let gaps: [Duration] = [
        .milliseconds(1), .milliseconds(5), .milliseconds(20), .milliseconds(100), .milliseconds(200), .milliseconds(400),
    ]
    /// The step of a series after a write during that series: steady writing must not cause a thousand checks a second.
    private static let busyStep = 2
    /// The gap between two checks when nothing happens.
    package static let rest = Duration.seconds(1)

    /// The index of the gap before the next check; past the last one: ``rest``.
    private var step = CommitCheckSchedule.gaps.count
    private var isChecking = false
    /// A write happened during the check in progress.
    private var wasWritten = false

    package init() {}

    private var gap: Duration { step < CommitCheckSchedule.gaps.count ? CommitCheckSchedule.gaps[step] : CommitCheckSchedule.rest }

    /// A file of the database was written.
    /// - Returns: the time until the next check, replacing the one returned before; nil: that check comes soon enough.
    package mutating func written() -> Duration? {
        if isChecking {
            wasWritten = true
            return nil
        }
        let next = step < CommitCheckSchedule.gaps.count ? CommitCheckSchedule.busyStep : 0
        guard next < step else { return nil }
        step = next
        return gap
    }

    /// The planned check is due.
    /// - Returns: whether to check now: false while a check is in progress.
    package mutating func checkBegins() -> Bool {
        defer { isChecking = true }
        return !isChecking
    }

    /// The check has ended, successfully or not.
    /// - Parameter isNew: whether another process has committed since the previous check.
    /// - Returns: the time until the next check.
    package mutating func checkEnded(isNew: Bool) -> Duration {
        isChecking = false
        defer { wasWritten = false }
        if isNew {
            step = wasWritten ? 1 : CommitCheckSchedule.gaps.count
        } else {
            step = min(step + 1, CommitCheckSchedule.gaps.count)
            if wasWritten { step = min(step, CommitCheckSchedule.busyStep) }
        }
        return gap
    }
}
