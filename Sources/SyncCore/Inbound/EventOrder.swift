/// Keeps the order of a remote's events that may arrive in any order (fin), and the state that this requires.
///
/// Events are ordered by the remote's date; within one millisecond by the meaning of their status values (the AI is at work, then an end,
/// then a person is needed, then the end of the AI's part); then by the status values themselves. The time of arrival has no influence.
///
/// | the status value    | its date                                   | place                                                             |
/// |---------------------|--------------------------------------------|-------------------------------------------------------------------|
/// | ends the AI's part  | before the latest status                   | stale: the present owner got the conversation after that          |
/// | ends the AI's part  | otherwise                                  | latest                                                            |
/// | the AI is at work   | not after the latest end of the AI's part  | stale                                                             |
/// | finishes            | before the latest status                   | late: counts if that status could not have reopened the conversation |
/// | another status      | before the latest status                   | stale                                                             |
/// | a status            | otherwise, also before an end of the AI's part | latest                                                        |
/// | has no meaning, or is not mapped | any                           | latest                                                            |
///
/// The end of the AI's part does not report a status, so it never makes a status event stale, except one that gives the conversation to the
/// AI.
/// An event that gets a meaning later gets its place then (``LinkRecord/noteHeldEvent(_:_:)``).
package struct EventOrder: Equatable, Sendable {
    package struct Event: Equatable, Sendable {
        package var word: String
        /// The remote's own date.
        package var at: Instant

        package init(word: String, at: Instant) {
            self.word = word
            self.at = at
        }
    }

    package enum Place: Equatable, Sendable {
        case latest, late, stale
    }

    /// The latest event of all: the last state that the remote is known to have reported.
    package private(set) var last: Event?
    /// The latest event that reports a status.
    package private(set) var status: Event?
    /// The date of the latest end of the AI's part.
    package private(set) var endedAt: Instant?

    package init(last: Event? = nil, status: Event? = nil, endedAt: Instant? = nil) {
        self.last = last
        self.status = status
        self.endedAt = endedAt
    }

    /// Rows of earlier versions contain only the last event.
    package func completed(by map: InboundMap) -> EventOrder {
        guard status == nil, endedAt == nil, let last else { return self }
        var order = self
        order.note(last, in: map)
        return order
    }

    package func place(of event: Event, in map: InboundMap) -> Place {
        switch map[event.word] {
        case nil, .noStatement:
            return .latest
        case .endsAI:
            return status.map { event.at < $0.at } ?? false ? .stale : .latest
        case .state(let local, let owner):
            if owner == .ai, !local.isFinished, let endedAt, event.at <= endedAt { return .stale }
            guard let status, EventOrder.isBefore(event, status, in: map) else { return .latest }
            return local.isFinished ? .late : .stale
        }
    }

    /// Records an event, whatever its place.
    package mutating func note(_ event: Event, in map: InboundMap) {
        guard let cell = map[event.word] else { return }
        last = EventOrder.later(last, event, in: map)
        switch cell {
        case .state: status = EventOrder.later(status, event, in: map)
        case .endsAI: endedAt = max(endedAt ?? event.at, event.at)
        case .noStatement: break
        }
    }

    private static func later(_ known: Event?, _ event: Event, in map: InboundMap) -> Event {
        guard let known, isBefore(event, known, in: map) else { return event }
        return known
    }

    private static func isBefore(_ left: Event, _ right: Event, in map: InboundMap) -> Bool {
        (left.at, rank(left.word, map), left.word) < (right.at, rank(right.word, map), right.word)
    }

    /// The order of status values within a millisecond.
    private static func rank(_ word: String, _ map: InboundMap) -> Int {
        switch map[word] {
        case nil: 0
        case .state(let status, _) where status.isFinished: 3
        case .state(_, .ai): 1
        case .state(_, .unchanged), .state(_, .assignee): 2
        case .state: 4
        case .endsAI, .noStatement: 5
        }
    }
}
