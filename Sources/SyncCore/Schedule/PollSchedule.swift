/// How a remote is polled.
package struct PollSettings: Equatable, Sendable {
    /// Between two reads of the list.
    package var interval: Duration
    /// Pages of the list that are read each time, newest first.
    package var pages: Int
    /// Linked conversations that are read each time in rotation, besides those that the list or a webhook names.
    package var rotate: Int

    package init(interval: Duration, pages: Int = 2, rotate: Int = 20) {
        self.interval = interval
        self.pages = pages
        self.rotate = rotate
    }
}

/// Decides when a remote is read. A state machine over events.
///
/// | event                  | requested objects are read                             | the list is read                                |
/// |------------------------|--------------------------------------------------------|-------------------------------------------------|
/// | start                  | at once                                                | at once                                         |
/// | requested: objects     | ``objectSpacing`` after the last cycle began, else at once | –                                           |
/// | requested: the list    | –                                                      | ``listSpacing`` after it was last read on request, else at once |
/// | ended                  | on the next request                                    | an interval after the last read of it began; after failures, an interval from now at the latest |
/// | failed                 | after 2 s, doubled with each failure in a row, ≤ 5 min | after the interval, doubled likewise, ≤ tenfold and ≤ 10 min; never earlier |
/// | failed, some objects   | as if nothing had failed; those wait by themselves     | an interval after the last read of it began     |
/// | failed, the list alone | as if nothing had failed                              | on request after 3 s, then as above; by interval as above |
/// | held by the gate       | when the gate opens, after 5 min or the interval at the latest | likewise                                |
/// | resumed by a person    | at once                                                | at once                                         |
///
/// So a burst of webhook calls costs one read at once, some while it continues, and one after it.
///
/// Invariants: one poll cycle at a time; a request during a cycle is not lost. Times are those of a steady clock.
package struct PollSchedule: Equatable, Sendable {
    /// What a poll cycle reads; a cycle with the list includes the requested objects.
    package enum Scope: Equatable, Sendable {
        /// The requested objects.
        case requests
        /// The list, because it was requested.
        case requestedList
        /// The list, because the interval has passed.
        case list
    }

    /// What could not be read.
    package enum Failure: Equatable, Sendable {
        /// The remote: neither the list nor an object, as far as they were requested.
        case everything
        /// The list, and nothing shows that objects cannot be read.
        case list
        /// Objects, and nothing shows that others cannot be read.
        case objects
    }

    package static let objectSpacing = Duration.seconds(1)
    package static let listSpacing = Duration.seconds(3)

    private static let firstRest = Duration.seconds(1)
    private static let longestRest = Duration.minutes(5)
    private static let longestListRest = Duration.minutes(10)
    /// The wait for a closed gate whose opening time is unknown, for remotes without an interval.
    private static let blindRest = Duration.seconds(30)

    /// Nil: the list is read only on request.
    private let interval: Duration?
    private var listAt: Instant?
    /// Nothing is read before this time.
    private var restsUntil: Instant?
    /// Requests are not served before these times.
    private var objectsFrom: Instant?
    private var requestedListFrom: Instant?
    /// When the waiting requests can be served.
    private var servesAt: Instant?
    private var present: Scope?
    private var wasAskedAgain = false
    private var failures: Int64 = 0
    /// Failures in a row of the list alone.
    private var listFailures: Int64 = 0

    package init(interval: Duration?, now: Instant) {
        self.interval = interval
        listAt = interval.map { _ in now }
    }

    package var isReading: Bool { present != nil }

    /// When something is due without another event: the list, or requests that wait for a rest to end. Nil if nothing is.
    package var nextAt: Instant? {
        [listAt, servesAt, restsUntil].compactMap { $0.map { max($0, restsUntil ?? $0) } }.min()
    }

    /// What to read now; the cycle counts as begun. Nil: nothing is due, or a cycle is in progress.
    /// - Parameters:
    ///   - hasRequests: whether objects were requested.
    ///   - asksForList: whether the list was.
    package mutating func begin(hasRequests: Bool, asksForList: Bool = false, now: Instant) -> Scope? {
        guard present == nil else {
            wasAskedAgain = true
            return nil
        }
        if let restsUntil, now < restsUntil { return nil }
        restsUntil = nil
        servesAt = nil
        if let interval, let dueAt = listAt, now >= dueAt {
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

    /// - Parameter hasMore: whether more objects were requested than a cycle takes: then the next cycle need not wait.
    /// - Returns: whether another cycle is needed, for remaining requests or after a rest.
    package mutating func ended(hasMore: Bool = false, now: Instant) -> Bool {
        // The remote responds again: what the failures had put off is due an interval from now at the latest.
        if failures + listFailures > 0, let interval, let dueAt = listAt { listAt = min(dueAt, now + interval) }
        failures = 0
        if present != .requests { listFailures = 0 }
        if hasMore { objectsFrom = nil }
        return finish()
    }

    package mutating func failed(_ what: Failure = .everything, now: Instant) -> Bool {
        switch what {
        case .everything:
            failures += 1
            restsUntil = now + PollSchedule.rest(after: failures)
            putOffList(after: failures, now: now)
        case .list:
            listFailures += 1
            let from = now + max(PollSchedule.rest(after: listFailures), PollSchedule.listSpacing)
            requestedListFrom = from
            if present == .requestedList { servesAt = from }
            putOffList(after: listFailures, now: now)
        case .objects:
            break
        }
        return finish()
    }

    private static func rest(after failures: Int64) -> Duration {
        min(firstRest * (Int64(1) << min(failures, 10)), longestRest)
    }

    private mutating func putOffList(after failures: Int64, now: Instant) {
        guard present == .list, let interval else { return }
        let doubled = interval * min(Int64(1) << min(failures, 4), 10)
        // An interval of hours spares the remote enough.
        listAt = now + max(interval, min(doubled, PollSchedule.longestListRest))
    }

    /// The remote may not be called before that time; nil: the time is unknown.
    package mutating func held(until: Instant?, now: Instant) -> Bool {
        let wanted = max(until ?? now + (interval ?? PollSchedule.blindRest), now + PollSchedule.firstRest)
        let end = min(wanted, now + max(PollSchedule.longestRest, interval ?? .zero))
        restsUntil = end
        if present == .list { listAt = end }
        return finish()
    }

    /// A person wants the remote called now: ends a rest that was caused by failures or by a hold.
    package mutating func resumed(now: Instant) {
        restsUntil = nil
        if listFailures > 0 {
            requestedListFrom = nil
            servesAt = servesAt.map { min($0, now) }
        }
        (failures, listFailures) = (0, 0)
        guard present == nil else { return }
        // Without an interval, what was requested had the end of the rest as its only alarm.
        if interval != nil { listAt = now } else { servesAt = now }
    }

    /// Whether the list would be read now because its interval has passed.
    package func isListDue(now: Instant) -> Bool {
        guard present == nil, let listAt, now >= listAt else { return false }
        return restsUntil.map { now >= $0 } ?? true
    }

    /// The list is due at once, if the remote has an interval.
    package mutating func beginList(now: Instant) { listAt = interval.map { _ in now } }

    /// The list is no longer read by interval.
    package mutating func endList() { listAt = nil }

    private mutating func finish() -> Bool {
        defer { wasAskedAgain = false }
        present = nil
        return wasAskedAgain || restsUntil != nil
    }
}
