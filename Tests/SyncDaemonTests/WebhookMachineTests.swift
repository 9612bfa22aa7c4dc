import Foundation
import SyncCore
import Testing

@testable import SyncDaemon

@Suite struct RequestDeadlineTests {
    private static let limits = RequestDeadline.Limits(request: .seconds(20), linger: .seconds(2))

    @Test func `a call that was read and got its response leaves no alarm`() {
        var deadline = RequestDeadline(Self.limits)
        #expect(deadline.headRead() == .setAlarm(.seconds(20)))
        #expect(deadline.endRead() == .none)
        #expect(deadline.answered(closing: false) == .cancelAlarm)
        #expect(deadline.headRead() == .setAlarm(.seconds(20)))
    }

    @Test func `a response that closes the connection does so when all is read`() {
        var deadline = RequestDeadline(Self.limits)
        _ = deadline.headRead()
        #expect(deadline.answered(closing: true) == .setAlarm(.seconds(2)), "the rest is still coming")
        #expect(deadline.endRead() == .close)
        deadline = RequestDeadline(Self.limits)
        _ = deadline.headRead()
        _ = deadline.endRead()
        #expect(deadline.answered(closing: true) == .close)
    }

    @Test func `a call that does not arrive gets a time-out response, and one without a response is cut off`() {
        var deadline = RequestDeadline(Self.limits)
        _ = deadline.headRead()
        #expect(deadline.alarmRang() == .answerTimeoutAndClose)
        deadline = RequestDeadline(Self.limits)
        _ = deadline.headRead()
        _ = deadline.endRead()
        #expect(deadline.alarmRang() == .close)
        deadline = RequestDeadline(Self.limits)
        _ = deadline.headRead()
        _ = deadline.answered(closing: true)
        #expect(deadline.alarmRang() == .close, "the rest of a refused call")
        let limits = WebhookListener.Limits()
        #expect(limits.request == .seconds(20) && limits.idle == .seconds(30) && limits.linger == .seconds(2))
    }

    @Test func `pipelined calls have a deadline each`() {
        var deadline = RequestDeadline(Self.limits)
        _ = deadline.headRead()
        _ = deadline.endRead()
        #expect(deadline.headRead() == .none)
        #expect(deadline.answered(closing: false) == .setAlarm(.seconds(20)))
        #expect(deadline.endRead() == .none)
        #expect(deadline.answered(closing: false) == .cancelAlarm)
        #expect(deadline.answered(closing: true) == .none, "an answer to what was not a call")
    }
}

@Suite struct RejectionTallyTests {
    private static let start = Instant(milliseconds: 1_800_000_000_000)
    private static let key = RejectionTally.Key(remote: "fin", reason: .unsigned)

    @Test func `the first refusal is logged at once, and later ones as one line a minute later`() {
        var tally = RejectionTally()
        #expect(tally.note(Self.key, detail: nil, now: Self.start) == .init(key: Self.key, count: 1, detail: nil))
        #expect(!tally.hasUnwritten)
        for second in 1...59 { #expect(tally.note(Self.key, detail: nil, now: Self.start + .seconds(Int64(second))) == nil) }
        #expect(tally.hasUnwritten)
        #expect(tally.note(Self.key, detail: "x", now: Self.start + .seconds(60)) == .init(key: Self.key, count: 60, detail: "x"))
        #expect(tally.note(Self.key, detail: nil, now: Self.start + .seconds(61)) == nil)
    }

    @Test func `remotes and reasons are counted separately`() {
        var tally = RejectionTally()
        for reason in [RejectionReason.unsigned, .rate] {
            for remote in ["fin", "vg"] {
                #expect(tally.note(.init(remote: remote, reason: reason), detail: nil, now: Self.start)?.count == 1)
            }
        }
    }

    @Test func `no counted refusal is lost, whenever they are collected`() {
        var tally = RejectionTally()
        var told = 0
        for step in 0..<1000 {
            let now = Self.start + .seconds(Int64(step * 7 % 400))
            told += tally.note(Self.key, detail: nil, now: now)?.count ?? 0
            if step.isMultiple(of: 37) { told += tally.collect(now: now).reduce(0) { $0 + $1.count } }
        }
        told += tally.collect(now: Self.start).reduce(0) { $0 + $1.count }
        #expect(told == 1000)
        #expect(tally.collect(now: Self.start).isEmpty)
    }
}
