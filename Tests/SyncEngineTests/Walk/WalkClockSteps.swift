import SyncCore

/// By how much the wall clock was set, and what of that the database was told.
struct WalkClockSteps {
    /// Less than that is no step for the engine.
    private static let smallest = Duration.seconds(2)
    /// Small steps may come with a large one.
    private static let tolerance = Duration.seconds(4)

    /// Since the engine had its last event.
    private var unseen = Duration.zero
    /// Seen by the engine, and not in the database.
    private var owed = Duration.zero
    /// By how much it was set back, in all, of which the database was never told because the process ended: what waits there waits for so
    /// much longer.
    private(set) var lost = Duration.zero

    mutating func wasSet(by step: Duration) { unseen += step }

    mutating func engineHasEvent() {
        if abs(unseen) > WalkClockSteps.smallest { owed += unseen }
        unseen = .zero
    }

    /// - Parameter step: what an exchange that is made now says; nil: nothing.
    func problem(with step: Duration?) -> String? {
        guard abs(owed - (step ?? .zero)) > WalkClockSteps.tolerance else { return nil }
        return "the clock was set by \(owed.milliseconds) ms, and an exchange says \((step ?? .zero).milliseconds) ms"
    }

    mutating func stored(_ step: Duration?) { owed -= step ?? .zero }

    mutating func processEnded() {
        lost += max(.zero, .zero - owed - unseen)
        (owed, unseen) = (.zero, .zero)
    }

    private func abs(_ span: Duration) -> Duration { max(span, .zero - span) }
}
