import SyncCore
import Testing

@testable import SyncRemotes

/// A remote's dates of messages: one that is far ahead is none, so that it does not reopen every conversation until then.
@Suite struct CustomerDateTests {
    private static let now = LinkSnapshot.moment
    private let adapter = Profile(name: "voicebot", kind: .voicebot).adapter

    private func report(_ date: Instant) -> FieldReport {
        adapter.report(Observation(lastUserMessageAt: date, lastMessageAt: date), began: Self.now, now: Self.now)
    }

    @Test func `a date far ahead is none`() {
        for date in [Self.now + .minutes(5) + .milliseconds(1), Self.now + .hours(2), Self.now + .days(20_000)] {
            let report = report(date)
            #expect(report.customerWroteAt == nil && report.lastMessageAt == nil, "\(date.iso8601)")
        }
    }

    @Test func `a date that is a few minutes ahead counts as it is`() {
        for date in [Self.now - .days(1), Self.now, Self.now + .minutes(5)] {
            let report = report(date)
            #expect(report.customerWroteAt == date && report.lastMessageAt == date, "\(date.iso8601)")
        }
    }

    @Test(arguments: [(Duration.days(20_000), Verdict.Kind.refused), (.minutes(-1), .adopted)])
    func `a message that the remote dates far ahead is no evidence for a reopening`(ahead: Duration, expected: Verdict.Kind) {
        let snapshot = LinkSnapshot(
            Conversation(id: "c1", status: .closed, assigneeID: "anna"), remote: "voicebot", base: ["status": "done", "user_id": 77],
            seat: "77")
        let observation = Observation(word: "in-progress", assignee: .somebody("77"), lastUserMessageAt: Self.now + ahead)
        #expect(adapter.reconcile(observation, began: Self.now, snapshot).verdict.kind == expected)
    }
}
