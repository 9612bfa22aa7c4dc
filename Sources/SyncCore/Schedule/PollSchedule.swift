/// How a remote is read by itself.
package struct PollSettings: Equatable, Sendable {
    /// Between two looks at the list.
    package var interval: Duration
    /// Pages of the list that are read each time, newest first.
    package var pages: Int
    /// Linked conversations that are read each time besides those that the list or a hook names: the slow rotation.
    package var rotate: Int

    package init(interval: Duration, pages: Int = 2, rotate: Int = 20) {
        self.interval = interval
        self.pages = pages
        self.rotate = rotate
    }
}

/// Decides when a remote is read: a machine over events.
///
/// | event                  | what was asked for is read                             | the list is read                                |
/// |------------------------|--------------------------------------------------------|-------------------------------------------------|
/// | start                  | at once                                                | at once                                         |
/// | asked, for objects     | ``objectSpacing`` after such a look began, else at once | –                                              |
/// | asked, for the list    | –                                                      | ``listSpacing`` after it was last read for somebody who asked, else at once |
/// | ended                  | when somebody asks                                     | an interval after it was begun                  |
/// | ended, single failures | after ``restAfterSingleFailure``                       | an interval after it was begun                  |
/// | failed                 | after 2 s, doubled with each failure in a row, ≤ 5 min | after the interval, doubled likewise, ≤ tenfold |
/// | held by the gate       | when the gate opens, after 5 min or the interval at the latest | likewise                                |
/// | resumed by a person    | at once                                                | at once                                         |
///
/// So a burst of hooks costs one read at once, some while it goes on, and one after it.
///
/// Invariants: one look at a time; who asks during a look is not forgotten. Moments are those of a clock that runs on steadily.
package struct PollSchedule: Equatable, Sendable {
    /// What a look takes in; the list brings the objects that were asked for with it.
    package enum Look: Equatable, Sendable {
        /// The objects that were asked for.
        case requests
        /// The list, because somebody asked for it.
        case requestedList
        /// The list, because it is time.
        case list
    }

    package static let objectSpacing = Duration.seconds(1)
    package static let listSpacing = Duration.seconds(3)

    /// What failed by itself, while other reads were answered, is asked for again after that.
    package static let restAfterSingleFailure = Duration.seconds(10)
    private static let firstRest = Duration.seconds(1)
    private static let longestRest = Duration.minutes(5)
    /// How long a closed gate is left alone of which nobody knows when it opens, without an interval of its own.
    private static let blindRest = Duration.seconds(30)

    /// Nil: the list is read only when somebody asks for it.
    private let interval: Duration?
    private var listAt: Instant?
    /// Nothing is read before that moment.
    private var restsUntil: Instant?
    /// Nobody who asks is served before that.
    private var objectsFrom: Instant?
    private var requestedListFrom: Instant?
    /// When those can be served who have asked.
    private var servesAt: Instant?
    private var present: Look?
    private var wasAskedAgain = false
    private var failures: Int64 = 0

    package init(interval: Duration?, now: Instant) {
        self.interval = interval
        listAt = interval.map { _ in now }
    }

    package var isReading: Bool { present != nil }

    /// When something is due by itself: the list, or what a rest keeps waiting. Nil while nothing is.
    package var nextAt: Instant? {
        [listAt, servesAt, restsUntil].compactMap { $0.map { max($0, restsUntil ?? $0) } }.min()
    }

    /// What to read now; the look counts as begun. Nil: nothing is due, or a look is in progress.
    /// - Parameters:
    ///   - hasRequests: objects were asked for.
    ///   - asksForList: the list was.
    package mutating func begin(hasRequests: Bool, asksForList: Bool = false, now: Instant) -> Look? {
        guard present == nil else {
            wasAskedAgain = true
            return nil
        }
        if let restsUntil, now < restsUntil { return nil }
        restsUntil = nil
        servesAt = nil
        if let interval, let moment = listAt, now >= moment {
            listAt = now + interval
            present = .list
        } else if asksForList, now >= requestedListFrom ?? now {
            present = .requestedList
        } else if hasRequests, now >= objectsFrom ?? now {
            present = .requests
        }
        if present != nil { objectsFrom = now + PollSchedule.objectSpacing }
        if asksForList, present == .list || present == .requestedList {
            requestedListFrom = now + PollSchedule.listSpacing
        }
        let waiting = [
            hasRequests && present == nil ? objectsFrom : nil,
            asksForList && (present == nil || present == .requests) ? requestedListFrom : nil,
        ]
        servesAt = waiting.compactMap { $0 }.min()
        return present
    }

    /// - Parameter hasMore: more objects were asked for than a look takes: the next one need not wait.
    /// - Returns: whether somebody has to look again: what is left, or what a rest keeps waiting.
    package mutating func ended(hasSingleFailures: Bool = false, hasMore: Bool = false, now: Instant) -> Bool {
        failures = 0
        if hasMore { objectsFrom = nil }
        if hasSingleFailures { restsUntil = now + PollSchedule.restAfterSingleFailure }
        return finish()
    }

    package mutating func failed(now: Instant) -> Bool {
        failures += 1
        restsUntil = now + min(PollSchedule.firstRest * (Int64(1) << min(failures, 10)), PollSchedule.longestRest)
        if present == .list, let interval { listAt = now + interval * min(Int64(1) << min(failures, 4), 10) }
        return finish()
    }

    /// The remote may not be called before that moment; nil: nobody knows when it may.
    package mutating func held(until: Instant?, now: Instant) -> Bool {
        let wanted = max(until ?? now + (interval ?? PollSchedule.blindRest), now + PollSchedule.firstRest)
        let moment = min(wanted, now + max(PollSchedule.longestRest, interval ?? .zero))
        restsUntil = moment
        if present == .list { listAt = moment }
        return finish()
    }

    /// A person wants the remote called now: no rest because of failures or of a hold goes on.
    package mutating func resumed(now: Instant) {
        restsUntil = nil
        failures = 0
        if interval != nil, present == nil { listAt = now }
    }

    /// Whether the list would be read now because it is time.
    package func isListDue(now: Instant) -> Bool {
        guard present == nil, let listAt, now >= listAt else { return false }
        return restsUntil.map { now >= $0 } ?? true
    }

    /// The list is due at once, where it is read at all.
    package mutating func beginList(now: Instant) { listAt = interval.map { _ in now } }

    /// The list is not read again because it is time.
    package mutating func endList() { listAt = nil }

    private mutating func finish() -> Bool {
        defer { wasAskedAgain = false }
        present = nil
        return wasAskedAgain || restsUntil != nil
    }
}
