import SyncCore
import SyncEngine

/// How long a change of the database waits until a page is planned.
///
/// A failed exchange begins the wait again. During a drain, planning ends before the process does, and a new process plans at its start.
struct PlanningDelay {
    /// More than the longest pause after failed exchanges, and the time after which the service is told about a change.
    private static let longest = Duration.seconds(90)

    private var since: Duration?
    private var mayEnd = false

    mutating func changed(at moment: Duration) { if !mayEnd { since = since ?? moment } }

    mutating func planned() { since = nil }

    mutating func exchangeFailed(at moment: Duration) { since = since.map { _ in moment } }

    mutating func processMayEnd() { (since, mayEnd) = (nil, true) }

    /// - Returns: what is wrong.
    mutating func problem(at moment: Duration) -> String? {
        guard let begin = since, moment - begin > PlanningDelay.longest else { return nil }
        since = nil
        return "a change of the database was not planned for \((moment - begin).milliseconds) ms"
    }
}
