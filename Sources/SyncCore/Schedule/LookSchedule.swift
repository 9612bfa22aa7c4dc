/// Decides when the database is asked whether somebody else has committed: a machine over events.
///
/// A write to a file of the database is only a hint: it comes before the commit can be seen, by as long as the disk takes to make it
/// safe, and our own commits cause it as well. So one write begins a series of looks with growing gaps.
///
/// | state    | event                   | next look                                                           |
/// |----------|-------------------------|---------------------------------------------------------------------|
/// | resting  | written                 | after 1 ms: a series begins                                         |
/// | series   | written                 | after 20 ms at the latest; from there on the gaps grow again        |
/// | looking  | written                 | as the look ends, by one of the two rules above                     |
/// | looking  | looked, nothing new     | after the next gap: 5, 20, 100, 200, 400 ms, then every second      |
/// | looking  | looked, a commit is new | after a second: what was written is explained                       |
///
/// Invariants: one look at a time; writes never postpone a look that is due; there is a look every second whatever the files say, so a
/// commit is seen within a second of being visible, also where nobody reports writes.
package struct LookSchedule: Equatable, Sendable {
    private static let gaps: [Duration] = [
        .milliseconds(1), .milliseconds(5), .milliseconds(20), .milliseconds(100), .milliseconds(200), .milliseconds(400),
    ]
    /// The step of a series that follows on a write during a series: steady writing must not cause a thousand looks a second.
    private static let busyStep = 2
    /// Between two looks when nothing happens.
    package static let rest = Duration.seconds(1)

    /// Which gap comes before the next look; behind the last one: the rest.
    private var step = LookSchedule.gaps.count
    private var isLooking = false
    /// Written during the look in progress.
    private var wasWritten = false

    package init() {}

    private var gap: Duration { step < LookSchedule.gaps.count ? LookSchedule.gaps[step] : LookSchedule.rest }

    /// A file of the database was written.
    /// - Returns: after what span to look, instead of when it was said before; nil: that look comes soon enough.
    package mutating func written() -> Duration? {
        if isLooking {
            wasWritten = true
            return nil
        }
        let next = step < LookSchedule.gaps.count ? LookSchedule.busyStep : 0
        guard next < step else { return nil }
        step = next
        return gap
    }

    /// The moment of the planned look has come.
    /// - Returns: whether to look now: false while a look is in progress.
    package mutating func lookBegins() -> Bool {
        defer { isLooking = true }
        return !isLooking
    }

    /// The look has ended, well or not.
    /// - Parameter isNew: whether somebody else has committed since the look before.
    /// - Returns: after what span to look again.
    package mutating func looked(isNew: Bool) -> Duration {
        isLooking = false
        defer { wasWritten = false }
        if isNew {
            step = wasWritten ? 1 : LookSchedule.gaps.count
        } else {
            step = min(step + 1, LookSchedule.gaps.count)
            if wasWritten { step = min(step, LookSchedule.busyStep) }
        }
        return gap
    }
}
