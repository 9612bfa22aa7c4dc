import SyncCore
import Testing

@testable import SyncRemotes

/// An end that waited for a person, at a remote without dates, is adopted with the time at which it was seen.
@Suite struct LateDecisionTests {
    private let adapter = Kind.voicebot.adapter(Profile(name: "voicebot", kind: .voicebot))
    private let seenAt = LinkSnapshot.moment

    private func snapshot(_ record: LinkRecord? = nil, after pause: Duration = .zero, areEndsHeld: Bool) -> LinkSnapshot {
        var snapshot = LinkSnapshot(
            Conversation(id: "c1", assigneeID: nil), remote: "voicebot", base: ["status": "to-do", "user_id": .null])
        if let record { snapshot.record = record }
        snapshot.areEndsHeld = areEndsHeld
        snapshot.now = seenAt + pause
        return snapshot
    }

    @Test func `a held end is dated by the read that first showed it, however often it is read again`() {
        let end = Observation(word: "done", assignee: .nobody)
        var record: LinkRecord?
        for pause in [Duration.zero, .seconds(60)] {
            let held = snapshot(record, after: pause, areEndsHeld: true)
            let outcome = adapter.reconcile(end, began: held.now, held)
            #expect(outcome.changes.isEmpty)
            record = outcome.record
        }
        let released = adapter.plan(snapshot(record, after: .hours(2), areEndsHeld: false)).outcome
        #expect(released.changes.status == .closed)
        #expect(released.changedAt == seenAt)
    }

    @Test func `another value has another time, and a clock that was set back moves it`() {
        let first = adapter.reconcile(Observation(word: "done", assignee: .nobody), began: seenAt, snapshot(areEndsHeld: true)).record
        #expect(first.heldSince == seenAt)
        let later = snapshot(first, after: .seconds(60), areEndsHeld: true)
        #expect(
            adapter.reconcile(Observation(word: "in-progress", assignee: .nobody), began: later.now, later).record.heldSince == later.now)
        var record = first
        record.setBack(from: seenAt - .hours(1), to: seenAt - .hours(1))
        #expect(record.heldSince == seenAt - .hours(1))
        #expect(
            adapter.acknowledge(["status": "to-do"], nil, began: later.now, numbers: .init(repeating: 0), later).record.heldSince == nil)
    }
}
