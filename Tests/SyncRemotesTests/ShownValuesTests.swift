import SyncCore
import Testing

@testable import SyncRemotes

/// Whether what a remote has said shows the values that a call must not replace unseen (docs/remotes/README.md, "Reading before a call").
@Suite struct ShownValuesTests {
    private let adapter = Kind.voicebot.adapter(Profile(name: "voicebot", kind: .voicebot))
    private let snapshot = LinkSnapshot(
        Conversation(id: "c1", assigneeID: "anna"), remote: "voicebot", base: ["status": "in-progress", "user_id": 77], seat: "77")
    private let both: Fields = ["status": "in-progress", "user_id": 77]

    @Test(
        arguments: [
            (nil, false), (Observation(), false), (Observation(word: "in-progress"), false),
            (Observation(word: "in-progress", assignee: .somebody("77")), true),
        ] as [(Observation?, Bool)])
    func `a read or a response counts if it shows status and user`(observation: Observation?, isShown: Bool) {
        let began = snapshot.now - .seconds(1)
        let response = adapter.acknowledge([:], observation, began: began, numbers: .init(repeating: 0), snapshot)
        #expect((response.record.shownAt == snapshot.now) == isShown && (response.record.shownAt == nil) == !isShown)
        guard let observation else { return }
        let read = adapter.reconcile(observation, began: began, snapshot)
        #expect(read.record.shownAt == (isShown ? began : nil))
    }

    @Test func `what an acknowledged call has set is known as well`() {
        let outcome = adapter.acknowledge(both, nil, began: snapshot.now, numbers: .init(repeating: 0), snapshot)
        #expect(outcome.record.shownAt == snapshot.now)
    }

    @Test func `a clock that was set back and a remote that is told everything again end it`() {
        var record = adapter.acknowledge(both, nil, began: snapshot.now, numbers: .init(repeating: 0), snapshot).record
        record.setBack(from: snapshot.now - .hours(1), to: snapshot.now - .hours(1))
        #expect(record.shownAt == nil)
        record.shownAt = snapshot.now
        record.forget(at: snapshot.now)
        #expect(record.shownAt == nil)
    }
}
