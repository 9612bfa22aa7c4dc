import SyncCore

/// Decides when the feeds are planned.
///
/// | event                       | planning is due                                                                  |
/// |-----------------------------|----------------------------------------------------------------------------------|
/// | requested                   | at once                                                                          |
/// | the database changed        | after the debounce, counted from the first change                                |
/// | a page left more            | after as long a pause as the page held the write lock, up to ``longestPause``     |
/// | something waits for calls   | when the store says                                                              |
/// | a page took nothing off     | with the next change, request or interval                                        |
/// | nothing of all that         | after the interval                                                               |
///
/// Moments are those of the steady clock. Invariant: planning is never further away than the interval.
struct TurnSchedule: Sendable {
    /// Who waits for the write lock looks from time to time only, and would find it taken again and again between transactions that follow
    /// each other at once.
    static let longestPause = Duration.milliseconds(25)

    private var interval: Duration
    private var debounce: Duration
    private var nextInterval: Instant
    private var changeDue: Instant?
    private var requested: RunCause?
    /// A page has left more, or something waits for calls.
    private var resumeAt: Instant?
    private var waitingAt: Instant?
    /// The next page is the first one of a turn.
    private(set) var isFirstPage = true

    init(_ settings: Engine.Settings, _ time: EventTime) {
        interval = settings.interval
        debounce = settings.debounce
        nextInterval = time.steady + settings.interval
    }

    mutating func configure(_ settings: Engine.Settings, _ time: EventTime) {
        interval = settings.interval
        debounce = settings.debounce
        nextInterval = min(nextInterval, time.steady + settings.interval)
    }

    mutating func databaseChanged(_ time: EventTime) {
        if changeDue == nil { changeDue = time.steady + debounce }
    }

    mutating func request(_ cause: RunCause) {
        requested = requested ?? cause
        isFirstPage = true
    }

    /// Why a page is due; nil while none is.
    func dueCause(_ time: EventTime) -> RunCause? {
        if let requested { return requested }
        if let changeDue, time.steady >= changeDue { return .change }
        if let resumeAt, time.steady >= resumeAt { return .change }
        if let waitingAt, time.steady >= waitingAt { return .retry }
        return time.steady >= nextInterval ? .interval : nil
    }

    /// A page is being planned, whether it was due or not.
    mutating func pageBegins(_ time: EventTime) {
        if changeDue.map({ $0 <= time.steady }) == true { changeDue = nil }
        if time.steady >= nextInterval { isFirstPage = true }
        (requested, resumeAt, waitingAt) = (nil, nil, nil)
        nextInterval = time.steady + interval
    }

    /// - Parameters:
    ///   - hasMore: more can be planned at once.
    ///   - waitingAt: when something can be planned that waits for calls.
    ///   - taken: how long the exchange took.
    mutating func pageEnded(hasMore: Bool, waitingAt: Instant?, taken: Duration, _ time: EventTime) {
        isFirstPage = false
        resumeAt = hasMore ? time.steady + (taken > .milliseconds(2) ? min(taken, TurnSchedule.longestPause) : .zero) : nil
        self.waitingAt = waitingAt
    }

    /// The next change begins another turn.
    mutating func turnEnded() { isFirstPage = true }

    /// The page was not planned after all.
    mutating func pageFailed(_ cause: RunCause?, _ time: EventTime) {
        requested = requested ?? cause
        // What was waited for is found again.
        if cause == nil { resumeAt = time.steady }
    }

    /// The feeds hold nothing that could be planned now, or later without an event; the interval aside.
    var isAtRest: Bool { requested == nil && changeDue == nil && resumeAt == nil && waitingAt == nil }

    /// All that is left to plan waits for calls.
    var isWaitingOnly: Bool { requested == nil && changeDue == nil && resumeAt == nil && waitingAt != nil }

    /// Something waits to be planned now.
    var isPlanning: Bool { requested != nil || resumeAt != nil }

    var alarmAt: Instant { [nextInterval, changeDue, resumeAt, waitingAt].compactMap { $0 }.min() ?? nextInterval }
}
