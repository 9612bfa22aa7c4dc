import SyncCore
import Testing

/// What is a lack of progress, and what only looks like one.
@Suite struct ProgressWatchTests {
    private static let start = Instant(milliseconds: 1_000_000_000)
    private static let limit = Duration.seconds(30)

    /// The verdict after a look that found this, some time later.
    private func verdict(_ look: ProgressWatch.Look, after span: Duration) -> ProgressWatch.Verdict {
        var watch = ProgressWatch(limit: Self.limit)
        watch.partsAsked(now: Self.start)
        watch.partsAnswered(look, now: Self.start)
        watch.databaseAnswered()
        return watch.verdict(now: Self.start + span)
    }

    private func lane(inFlight: Int = 0, isCommitting: Bool = false) -> ProgressWatch.Lane {
        .init(remote: "vg", movedAt: Self.start, isCommitting: isCommitting, inFlight: inFlight, callTimeout: .seconds(40))
    }

    @Test func `what was never asked is at no fault`() {
        #expect(ProgressWatch(limit: Self.limit).verdict(now: Self.start + .days(9)) == .working)
    }

    @Test func `idle for a long time is progress`() {
        #expect(verdict(.init(alarmAt: Self.start + .hours(1)), after: .minutes(59)) == .working)
    }

    @Test func `a queue that does not turn is none, after the limit`() {
        var watch = ProgressWatch(limit: Self.limit)
        watch.partsAsked(now: Self.start)
        #expect(watch.verdict(now: Self.start + Self.limit) == .working)
        #expect(watch.verdict(now: Self.start + .seconds(31)) == .stuck(reason: "the scheduler or the lanes do not respond"))
        watch.partsAnswered(.init(), now: Self.start + .seconds(31))
        #expect(watch.verdict(now: Self.start + .seconds(60)) == .working)
        #expect(watch.verdict(now: Self.start + .seconds(62)) == .stuck(reason: "the database does not respond"))
        watch.databaseAnswered()
        #expect(watch.verdict(now: Self.start + .days(1)) == .working)
    }

    @Test func `an alarm that did not ring, a commit and a run that do not end`() {
        let late = Duration.seconds(31)
        #expect(verdict(.init(alarmAt: Self.start), after: late) == .stuck(reason: "the scheduler's timer did not fire"))
        #expect(verdict(.init(commitAnsweredAt: Self.start), after: late) == .stuck(reason: "a commit does not end"))
        #expect(verdict(.init(runStepAt: Self.start), after: late) == .stuck(reason: "a run makes no progress"))
        for look in [ProgressWatch.Look(alarmAt: Self.start), .init(commitAnsweredAt: Self.start), .init(runStepAt: Self.start)] {
            #expect(verdict(look, after: Self.limit) == .working)
        }
    }

    @Test func `work at hand and no call begun or ended is none`() {
        #expect(verdict(.init(lanes: [lane()]), after: .seconds(31)) == .stuck(reason: "deliveries to vg make no progress"))
    }

    @Test func `a call in flight may take as long as calls may take`() {
        #expect(verdict(.init(runStepAt: Self.start, lanes: [lane(inFlight: 1)]), after: .seconds(70)) == .working)
        #expect(verdict(.init(lanes: [lane(inFlight: 1)]), after: .seconds(71)) == .stuck(reason: "deliveries to vg make no progress"))
    }

    @Test func `a lane that waits for the database is not blamed while the database answers`() {
        let answered = Self.start + .minutes(10)
        #expect(verdict(.init(commitAnsweredAt: answered, lanes: [lane(isCommitting: true)]), after: .minutes(10)) == .working)
    }

    @Test func `a clock that is set back blames nobody`() {
        #expect(verdict(.init(alarmAt: Self.start, runStepAt: Self.start, lanes: [lane()]), after: .days(-1)) == .working)
    }
}
