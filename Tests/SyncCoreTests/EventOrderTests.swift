import SyncCore
import Testing

/// Events are ordered by their timestamps, whatever the order in which they arrive.
@Suite struct EventOrderTests {
    private static let map = DocumentedMaps.fin.inbound
    private static let words = ["thinking", "replying", "awaiting_user_reply", "resolved", "escalated", "complete"]

    private func event(_ word: String, _ milliseconds: Int64) -> EventOrder.Event {
        .init(word: word, at: Instant(milliseconds: milliseconds))
    }

    private func order(_ events: [(String, Int64)]) -> EventOrder {
        events.reduce(into: EventOrder()) { $0.note(event($1.0, $1.1), in: Self.map) }
    }

    private func place(_ word: String, _ at: Int64, after events: (String, Int64)...) -> EventOrder.Place {
        order(events).place(of: event(word, at), in: Self.map)
    }

    @Test func `a complete event does not make a status stale`() {
        #expect(place("resolved", 1, after: ("complete", 2)) == .latest)
        #expect(place("escalated", 1, after: ("complete", 2)) == .latest)
        #expect(place("escalated", 2, after: ("complete", 2)) == .latest)
    }

    @Test func `a status that gives the conversation to the AI is stale at or before the time of a complete event`() {
        for word in ["thinking", "replying", "awaiting_user_reply"] {
            #expect(place(word, 1, after: ("complete", 2)) == .stale)
            #expect(place(word, 2, after: ("complete", 2)) == .stale)
            #expect(place(word, 3, after: ("complete", 2)) == .latest)
        }
    }

    @Test func `a complete event that is older than the latest status ends nothing`() {
        #expect(place("complete", 1, after: ("replying", 2)) == .stale)
        #expect(place("complete", 2, after: ("replying", 2)) == .latest)
    }

    @Test func `a status older than the latest one is stale, and one that finishes the conversation is late`() {
        #expect(place("escalated", 1, after: ("replying", 2)) == .stale)
        #expect(place("replying", 1, after: ("escalated", 2)) == .stale)
        #expect(place("resolved", 1, after: ("escalated", 2)) == .late)
        #expect(place("resolved", 1, after: ("escalated", 2), ("complete", 3)) == .late)
    }

    @Test func `status values that are not mapped have no order and do not change it`() {
        #expect(place("a word of tomorrow", 1, after: ("resolved", 2)) == .latest)
        #expect(order([("resolved", 2), ("a word of tomorrow", 3)]) == order([("resolved", 2)]))
    }

    @Test func `of two events with the same timestamp the meaning decides, whichever arrives first`() {
        for left in Self.words {
            for right in Self.words where left != right {
                #expect(order([(left, 1), (right, 1)]) == order([(right, 1), (left, 1)]), "\(left) \(right)")
                // Exactly one of two statuses comes after the other.
                guard left != "complete", right != "complete" else { continue }
                let places = [place(left, 1, after: (right, 1)), place(right, 1, after: (left, 1))]
                #expect(places.filter { $0 == .latest }.count == 1, "\(left) \(right)")
            }
        }
        #expect(order([("complete", 1), ("escalated", 1)]).last?.word == "complete")
        #expect(order([("resolved", 1), ("thinking", 1)]).status?.word == "resolved")
    }

    @Test func `the stored order does not depend on the order of arrival`() {
        let events: [(String, Int64)] = [("replying", 1), ("escalated", 2), ("resolved", 2), ("complete", 3), ("complete", 4)]
        var orders: Set<String> = []
        func permute(_ rest: [(String, Int64)], _ taken: [(String, Int64)]) {
            if rest.isEmpty { orders.insert("\(order(taken))") }
            for index in rest.indices {
                var left = rest
                let next = left.remove(at: index)
                permute(left, taken + [next])
            }
        }
        permute(events, [])
        #expect(orders.count == 1)
    }

    @Test func `a row written by an earlier version contains only the last event`() {
        let status = EventOrder(last: event("escalated", 5)).completed(by: Self.map)
        #expect(status.status == event("escalated", 5) && status.endedAt == nil)
        let end = EventOrder(last: event("complete", 5)).completed(by: Self.map)
        #expect(end.status == nil && end.endedAt == Instant(milliseconds: 5))
        let known = order([("escalated", 1), ("complete", 2)])
        #expect(known.completed(by: Self.map) == known)
    }
}
