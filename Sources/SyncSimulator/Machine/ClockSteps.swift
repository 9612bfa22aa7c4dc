import SyncCore

/// By how much the wall clock was set, and how much of that was stored.
struct ClockSteps {
    /// The engine ignores smaller steps.
    private static let smallest = Duration.seconds(2)
    /// Small steps may be part of a large one.
    private static let tolerance = Duration.seconds(4)

    /// Steps since the engine's last event.
    private var unseen = Duration.zero
    /// Steps that the engine has seen and that are not stored.
    private var owed = Duration.zero
    /// Whether the database has all steps.
    var areStored: Bool { abs(owed) <= ClockSteps.tolerance && abs(unseen) <= ClockSteps.tolerance }

    mutating func wasSet(by step: Duration) { unseen += step }

    mutating func engineHasEvent() {
        if abs(unseen) > ClockSteps.smallest { owed += unseen }
        unseen = .zero
    }

    /// - Parameter step: the step that an exchange carries now; nil: none.
    func problem(with step: Duration?) -> String? {
        guard abs(owed - (step ?? .zero)) > ClockSteps.tolerance else { return nil }
        return "the clock was set by \(owed.milliseconds) ms, and an exchange says \((step ?? .zero).milliseconds) ms"
    }

    mutating func stored(_ step: Duration?) { owed -= step ?? .zero }

    private func abs(_ span: Duration) -> Duration { max(span, .zero - span) }
}
