import SyncCore

/// Decides when the feeds are planned.
///
/// | event                       | planning is due                                                                  |
/// |-----------------------------|----------------------------------------------------------------------------------|
/// | requested                   | at once                                                                          |
/// | the database changed        | after the debounce, counted from the first change                                |
/// | a page left more            | after a pause as long as the page held the write lock, up to ``longestPause``     |
/// | something waits for calls   | when the store has reported                                                      |
/// | a page was postponed        | as soon as a page may be planned                                                 |
/// | a page removed nothing from the feed | with the next change, request or interval                               |
/// | none of these               | after the interval                                                               |
///
/// Times are those of the steady clock. Invariant: the next planning is never later than the interval.
struct TurnSchedule: Sendable {
    /// A process that waits for the write lock only polls it, and would find it taken again and again by transactions that follow each
    /// other without a pause.
    static let longestPause = Duration.milliseconds(25)

    private var interval: Duration
    private var debounce: Duration
    private var nextInterval: Instant
    private var changeDue: Instant?
    private var requested: RunCause?
    private var requestedAt: Instant?
    /// Since when the page in progress, or the last one of a turn that goes on, was due.
    private var pageDueSince: Instant?
    /// A page has left more.
    private var resumeAt: Instant?
    private var waitingAt: Instant?
    /// Whether the next page is the first one of a turn.
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

    mutating func request(_ cause: RunCause, _ time: EventTime) {
        if requested == nil { (requested, requestedAt) = (cause, time.steady) }
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

    /// Since when a page is due; for one that continues a turn, since when the turn's first page was. Nil while none is due.
    func dueSince(_ time: EventTime) -> Instant? {
        let continued = resumeAt.flatMap { $0 <= time.steady ? pageDueSince ?? $0 : nil }
        return [requestedAt, changeDue, continued, waitingAt, nextInterval].compactMap { $0 }.filter { $0 <= time.steady }.min()
    }

    /// A page is being planned, even if it was not due.
    mutating func pageBegins(_ time: EventTime) {
        pageDueSince = dueSince(time)
        if changeDue.map({ $0 <= time.steady }) == true { changeDue = nil }
        if time.steady >= nextInterval { isFirstPage = true }
        (requested, requestedAt, resumeAt, waitingAt) = (nil, nil, nil, nil)
        nextInterval = time.steady + interval
    }

    /// - Parameters:
    ///   - hasMore: whether more can be planned at once.
    ///   - waitingAt: when work can be planned that waits for calls.
    ///   - taken: how long the exchange took.
    mutating func pageEnded(hasMore: Bool, waitingAt: Instant?, taken: Duration, _ time: EventTime) {
        isFirstPage = false
        if !hasMore { pageDueSince = nil }
        resumeAt = hasMore ? time.steady + (taken > .milliseconds(2) ? min(taken, TurnSchedule.longestPause) : .zero) : nil
        self.waitingAt = waitingAt
    }

    /// An exchange that may have put something on the feed, or made ready what waited there, was made without a page.
    mutating func pagePostponed(_ time: EventTime) {
        if resumeAt == nil { resumeAt = time.steady }
    }

    /// The next change begins another turn.
    mutating func turnEnded() { isFirstPage = true }

    /// The page was not planned, because the exchange failed.
    mutating func pageFailed(_ cause: RunCause?, _ time: EventTime) {
        if requested == nil, let cause { (requested, requestedAt) = (cause, pageDueSince ?? time.steady) }
        // What waited will be found again.
        if cause == nil { resumeAt = time.steady }
    }

    /// Whether the feeds contain nothing that can be planned now, or later without an event; apart from the interval.
    var isAtRest: Bool { requested == nil && changeDue == nil && resumeAt == nil && waitingAt == nil }

    /// Whether all that is left to plan waits for calls.
    var isWaitingOnly: Bool { requested == nil && changeDue == nil && resumeAt == nil && waitingAt != nil }

    /// Whether something waits to be planned now.
    var isPlanning: Bool { requested != nil || resumeAt != nil }

    var alarmAt: Instant { [nextInterval, changeDue, resumeAt, waitingAt].compactMap { $0 }.min() ?? nextInterval }
}
