import SeededRandom
import SyncCore
import Testing

@Suite struct RunScheduleTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    private func schedule() -> RunSchedule { RunSchedule(interval: .seconds(60), debounce: .milliseconds(100), now: start) }

    /// A schedule that has done its first run.
    private func idle() -> RunSchedule {
        var schedule = schedule()
        _ = schedule.start(now: start)
        _ = schedule.runEnded(nextDue: nil, hasFailed: false, now: start)
        return schedule
    }

    @Test func `the first run starts at once`() {
        var schedule = schedule()
        #expect(schedule.start(now: start) == [.startRun(.startup)])
    }

    @Test func `without events the interval starts the next run`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        #expect(schedule.runEnded(nextDue: nil, hasFailed: false, now: start + .seconds(3)) == [.setAlarm(start + .seconds(63))])
        #expect(schedule.alarm(now: start + .seconds(62)) == [.setAlarm(start + .seconds(63))])
        #expect(schedule.alarm(now: start + .seconds(63)) == [.startRun(.interval)])
    }

    @Test func `a clock that is set back delays what falls due by no more than it was away`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        _ = schedule.runEnded(nextDue: start + .seconds(5), hasFailed: false, now: start)
        let back = start - .hours(3)
        #expect(schedule.alarm(now: back) == [.setAlarm(back + .seconds(5))])
        #expect(schedule.alarm(now: back + .seconds(5)) == [.startRun(.retry)])
    }

    @Test func `a webhook call starts a run at once, and a burst of them one a second`() {
        var schedule = idle()
        var runs: [Int64] = []
        func carryOut(_ actions: [RunSchedule.Action], _ milliseconds: Int64) {
            guard actions == [.startRun(.request)] else { return }
            runs.append(milliseconds)
            _ = schedule.runEnded(nextDue: nil, hasFailed: false, now: start + .milliseconds(milliseconds))
        }
        for milliseconds in stride(from: Int64(0), to: 5000, by: 50) {
            let now = start + .milliseconds(milliseconds)
            carryOut(schedule.alarm(now: now), milliseconds)
            carryOut(schedule.noticed(now: now), milliseconds)
        }
        #expect(runs == [0, 1000, 2000, 3000, 4000])
        // The last one is not forgotten.
        #expect(schedule.alarm(now: start + .milliseconds(4999)) == [.setAlarm(start + .seconds(5))])
        #expect(schedule.alarm(now: start + .seconds(5)) == [.startRun(.request)])
    }

    @Test func `a webhook call during a run is processed by another one`() {
        var schedule = idle()
        #expect(schedule.noticed(now: start) == [.startRun(.request)])
        #expect(schedule.noticed(now: start + .milliseconds(100)) == [])
        #expect(
            schedule.runEnded(nextDue: nil, hasFailed: false, now: start + .milliseconds(200)) == [.setAlarm(start + .seconds(1))])
        // A run for another reason processes it as well.
        #expect(schedule.requested(now: start + .milliseconds(300)) == [.startRun(.request)])
        #expect(
            schedule.runEnded(nextDue: nil, hasFailed: false, now: start + .milliseconds(400))
                == [.setAlarm(start + .milliseconds(60_400))])
    }

    @Test func `a clock that is set back keeps no webhook call waiting for longer than a second`() {
        var schedule = idle()
        _ = schedule.noticed(now: start)
        _ = schedule.noticed(now: start)
        let back = start - .hours(3)
        #expect(schedule.runEnded(nextDue: nil, hasFailed: false, now: back) == [.setAlarm(back + .seconds(1))])
    }

    @Test func `changes are gathered, but never longer than the debounce`() {
        var schedule = idle()
        #expect(schedule.databaseChanged(now: start + .seconds(1)) == [.setAlarm(start + .milliseconds(1100))])
        #expect(schedule.databaseChanged(now: start + .milliseconds(1090)) == [.setAlarm(start + .milliseconds(1100))])
        #expect(schedule.alarm(now: start + .milliseconds(1100)) == [.startRun(.change)])
    }

    @Test func `a change during a run starts another one`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        _ = schedule.databaseChanged(now: start + .seconds(1))
        #expect(schedule.runEnded(nextDue: nil, hasFailed: false, now: start + .seconds(2)) == [.startRun(.change)])
    }

    @Test func `a change during a run has the lanes look for what is due, once per debounce`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        #expect(schedule.databaseChanged(now: start + .seconds(1)) == [.setAlarm(start + .milliseconds(1100))])
        #expect(schedule.databaseChanged(now: start + .milliseconds(1050)) == [])
        #expect(schedule.alarm(now: start + .milliseconds(1080)) == [.setAlarm(start + .milliseconds(1100))])
        #expect(schedule.alarm(now: start + .milliseconds(1100)) == [.lookForDue])
        #expect(schedule.alarm(now: start + .milliseconds(1101)) == [])
        #expect(schedule.databaseChanged(now: start + .milliseconds(1200)) == [.setAlarm(start + .milliseconds(1300))])
        // A clock that is set back does not put it off.
        #expect(schedule.databaseChanged(now: start - .hours(1)) == [.setAlarm(start - .hours(1) + .milliseconds(100))])
        #expect(schedule.runEnded(nextDue: nil, hasFailed: false, now: start + .seconds(8)) == [.startRun(.change)])
        #expect(schedule.alarm(now: start + .seconds(9)) == [], "what was to be looked for is the next run's business")
    }

    @Test func `a request during a run is not lost`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        #expect(schedule.requested(now: start) == [])
        #expect(schedule.runEnded(nextDue: nil, hasFailed: false, now: start) == [.startRun(.request)])
    }

    @Test func `the alarm rings for the earliest retry`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        #expect(schedule.runEnded(nextDue: start + .seconds(5), hasFailed: false, now: start) == [.setAlarm(start + .seconds(5))])
        #expect(schedule.alarm(now: start + .seconds(5)) == [.startRun(.retry)])
    }

    @Test func `failing runs come less and less often, up to a minute`() {
        var schedule = RunSchedule(interval: .hours(1), debounce: .zero, now: start)
        _ = schedule.start(now: start)
        var now = start
        var pauses: [Int64] = []
        for _ in 0..<8 {
            guard case .setAlarm(let moment)? = schedule.runEnded(nextDue: nil, hasFailed: true, now: now).last else { break }
            pauses.append((moment - now).milliseconds / 1000)
            now = moment
            #expect(schedule.alarm(now: now) == [.startRun(.retry)])
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60])
    }

    @Test func `a clock that steps back delays by one interval at most`() {
        var schedule = idle()
        let past = start - .hours(10)
        #expect(schedule.alarm(now: past) == [.setAlarm(past + .seconds(60))])
    }

    @Test func `a clock that steps forward starts one run, not many`() {
        var schedule = idle()
        #expect(schedule.alarm(now: start + .days(3)) == [.startRun(.interval)])
        #expect(schedule.alarm(now: start + .days(3)) == [])
    }

    @Test func `a stop waits for the run and starts no other`() {
        var schedule = schedule()
        _ = schedule.start(now: start)
        _ = schedule.databaseChanged(now: start)
        #expect(schedule.stop() == [])
        #expect(schedule.runEnded(nextDue: start, hasFailed: false, now: start) == [.stopped])
        #expect(schedule.requested(now: start) == [.stopped])
    }

    /// Random events: never two runs at once, never without an alarm while idle, no change forgotten.
    @Test(arguments: [UInt64(901), 902, 903])
    func `random events keep the invariants`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = schedule()
        var now = start
        var isRunning = false
        var alarm: Instant?
        var unseenChange = false
        func take(_ actions: [RunSchedule.Action]) {
            for action in actions {
                switch action {
                case .startRun:
                    #expect(!isRunning, "seed \(seed)")
                    isRunning = true
                    unseenChange = false
                case .setAlarm(let moment):
                    alarm = moment
                    #expect(moment <= now + .seconds(60), "seed \(seed)")
                case .lookForDue: #expect(isRunning, "seed \(seed)")
                case .stopped: #expect(Bool(false), "nobody stopped it, seed \(seed)")
                }
            }
        }
        take(schedule.start(now: now))
        for _ in 0..<20_000 {
            now = now + Duration.milliseconds(Int64.random(in: -50...2000, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                unseenChange = true
                take(schedule.databaseChanged(now: now))
            case 1: take(schedule.requested(now: now))
            case 2 where isRunning:
                isRunning = false
                take(schedule.runEnded(nextDue: Bool.random(using: &random) ? now : nil, hasFailed: false, now: now))
            default:
                if let moment = alarm {
                    now = max(now, moment)
                    if isRunning { alarm = nil }
                    take(schedule.alarm(now: now))
                }
            }
            #expect(isRunning || alarm != nil, "seed \(seed)")
        }
        if isRunning {
            isRunning = false
            take(schedule.runEnded(nextDue: nil, hasFailed: false, now: now))
        }
        while unseenChange, let moment = alarm { now = max(now, moment); take(schedule.alarm(now: now)) }
        #expect(!unseenChange, "seed \(seed)")
    }
}
