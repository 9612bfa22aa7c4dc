import Fixtures
import SyncCore
import Testing

@testable import SyncEngine

@Suite struct TurnScheduleTests {
    private static let settings = MadeUp.settings(interval: .seconds(30), debounce: .milliseconds(50))

    private func schedule() -> TurnSchedule { TurnSchedule(Self.settings, MadeUp.time()) }

    /// A page that took the feed's last entries off.
    private func planPage(_ schedule: inout TurnSchedule, at span: Duration) {
        schedule.pageBegins(MadeUp.time(span))
        schedule.pageEnded(hasMore: false, waitingAt: nil, taken: .milliseconds(1), MadeUp.time(span))
    }

    @Test func `without an event, planning is due after the interval, and again an interval later`() {
        var schedule = schedule()
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(29_999))) == nil)
        #expect(schedule.dueCause(MadeUp.time(.seconds(30))) == .interval)
        #expect(schedule.alarmAt == MadeUp.noon + .seconds(30))
        planPage(&schedule, at: .seconds(31))
        #expect(schedule.dueCause(MadeUp.time(.seconds(60))) == nil)
        #expect(schedule.dueCause(MadeUp.time(.seconds(61))) == .interval)
    }

    @Test func `a change is planned after the debounce, which counts from the first of several`() {
        var schedule = schedule()
        schedule.databaseChanged(MadeUp.time())
        schedule.databaseChanged(MadeUp.time(.milliseconds(40)))
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(49))) == nil)
        #expect(schedule.alarmAt == MadeUp.noon + .milliseconds(50))
        #expect(!schedule.isAtRest)
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(50))) == .change)
        planPage(&schedule, at: .milliseconds(50))
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(51))) == nil && schedule.isAtRest)
    }

    @Test func `a postponed page stays due since it was postponed, until one is planned`() {
        var schedule = schedule()
        planPage(&schedule, at: .zero)
        schedule.pagePostponed(MadeUp.time(.seconds(1)))
        schedule.pagePostponed(MadeUp.time(.seconds(2)))
        #expect(schedule.dueCause(MadeUp.time(.seconds(2))) == .change && !schedule.isAtRest)
        #expect(schedule.dueSince(MadeUp.time(.seconds(2))) == MadeUp.noon + .seconds(1))
        planPage(&schedule, at: .seconds(2))
        #expect(schedule.dueCause(MadeUp.time(.seconds(3))) == nil && schedule.isAtRest)
        #expect(schedule.dueSince(MadeUp.time(.seconds(3))) == nil)
    }

    @Test func `a page that begins for another reason leaves a change whose debounce is not over`() {
        var schedule = schedule()
        schedule.databaseChanged(MadeUp.time())
        planPage(&schedule, at: .milliseconds(30))
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(50))) == .change, "the change may have come after the page")
    }

    @Test func `a requested turn is due at once, the first cause counts, and its page is the first of the turn`() {
        var schedule = schedule()
        planPage(&schedule, at: .zero)
        #expect(!schedule.isFirstPage)
        schedule.request(.startup, MadeUp.time())
        schedule.request(.request, MadeUp.time())
        #expect(schedule.dueCause(MadeUp.time()) == .startup)
        #expect(schedule.isFirstPage && schedule.isPlanning)
        planPage(&schedule, at: .zero)
        #expect(schedule.dueCause(MadeUp.time()) == nil && !schedule.isPlanning)
    }

    @Test(arguments: [(Int64(1), Int64(0)), (2, 0), (3, 3), (20, 20), (200, 25)])
    func `between two pages the application gets as much time as the first page took`(taken: Int64, pause: Int64) {
        var schedule = schedule()
        schedule.pageBegins(MadeUp.time())
        schedule.pageEnded(hasMore: true, waitingAt: nil, taken: .milliseconds(taken), MadeUp.time())
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(pause))) == .change)
        #expect(pause == 0 || schedule.dueCause(MadeUp.time(.milliseconds(pause - 1))) == nil)
        #expect(schedule.isPlanning && schedule.alarmAt == MadeUp.noon + .milliseconds(pause))
    }

    @Test func `a conversation that waits for calls is planned when the store says so`() {
        var schedule = schedule()
        schedule.pageBegins(MadeUp.time())
        schedule.pageEnded(hasMore: false, waitingAt: MadeUp.noon + .seconds(7), taken: .zero, MadeUp.time())
        #expect(schedule.dueCause(MadeUp.time(.milliseconds(6999))) == nil && !schedule.isAtRest && !schedule.isPlanning)
        #expect(schedule.alarmAt == MadeUp.noon + .seconds(7))
        #expect(schedule.dueCause(MadeUp.time(.seconds(7))) == .retry)
    }

    @Test func `a page that failed is due again for the same cause`() {
        var schedule = schedule()
        schedule.databaseChanged(MadeUp.time())
        let time = MadeUp.time(.milliseconds(50))
        let cause = schedule.dueCause(time)
        schedule.pageBegins(time)
        #expect(schedule.dueCause(time) == nil)
        schedule.pageFailed(cause, time)
        #expect(schedule.dueCause(time) == .change)
    }

    /// Pages are planned along with outcomes and events, too.
    @Test func `a page that failed before it was due keeps what was waiting`() {
        var schedule = schedule()
        schedule.pageBegins(MadeUp.time())
        schedule.pageEnded(hasMore: false, waitingAt: MadeUp.noon + .seconds(7), taken: .zero, MadeUp.time())
        schedule.pageBegins(MadeUp.time(.seconds(3)))
        schedule.pageFailed(nil, MadeUp.time(.seconds(3)))
        #expect(schedule.dueCause(MadeUp.time(.seconds(7))) != nil)
    }

    @Test func `a shorter interval applies from the reload on, a longer one from the next page on`() {
        var schedule = schedule()
        schedule.configure(MadeUp.settings(interval: .seconds(5)), MadeUp.time(.seconds(2)))
        #expect(schedule.alarmAt == MadeUp.noon + .seconds(7))
        schedule.configure(MadeUp.settings(interval: .hours(1)), MadeUp.time(.seconds(3)))
        #expect(schedule.alarmAt == MadeUp.noon + .seconds(7))
        planPage(&schedule, at: .seconds(7))
        #expect(schedule.alarmAt == MadeUp.noon + .seconds(7) + .hours(1))
    }

    @Test func `another turn begins after the interval, and when the turn has ended`() {
        var schedule = schedule()
        planPage(&schedule, at: .zero)
        schedule.turnEnded()
        #expect(schedule.isFirstPage)
        planPage(&schedule, at: .seconds(1))
        schedule.pageBegins(MadeUp.time(.seconds(31)))
        #expect(schedule.isFirstPage)
    }

    @Test(arguments: [UInt64(11), 12, 13])
    func `planning is always at most an interval away, and due when the alarm rings`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = schedule()
        var now = Duration.zero
        var pages = 0
        for step in 0..<5000 {
            now = now + .milliseconds(Int64.random(in: 0...4000, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: schedule.databaseChanged(MadeUp.time(now))
            case 1: schedule.request(.request, MadeUp.time(now))
            case 2: schedule.turnEnded()
            default:
                guard let cause = schedule.dueCause(MadeUp.time(now)) else { break }
                pages += 1
                schedule.pageBegins(MadeUp.time(now))
                if Int.random(in: 0..<4, using: &random) == 0 {
                    schedule.pageFailed(cause, MadeUp.time(now))
                } else {
                    let waitsAt = MadeUp.noon + now + .seconds(Int64.random(in: 1...60, using: &random))
                    schedule.pageEnded(
                        hasMore: Bool.random(using: &random), waitingAt: Bool.random(using: &random) ? waitsAt : nil,
                        taken: .milliseconds(Int64.random(in: 0...100, using: &random)), MadeUp.time(now))
                }
            }
            #expect(schedule.alarmAt <= MadeUp.noon + now + .seconds(30), "seed \(seed), step \(step)")
            let alarm = max(schedule.alarmAt, MadeUp.noon + now)
            #expect(schedule.dueCause(MadeUp.time(alarm - MadeUp.noon)) != nil, "seed \(seed), step \(step)")
        }
        #expect(pages > 500)
    }
}
