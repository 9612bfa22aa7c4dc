import Fixtures
import SyncCore
import Testing

@testable import SyncEngine

@Suite struct EngineClockTests {
    private func now(_ uptime: Duration, wallIsAhead offset: Duration = .zero) -> Now {
        Now(wall: MadeUp.noon + uptime + offset, uptime: .seconds(100) + uptime)
    }

    private func clock() -> EngineClock { EngineClock(now(.zero)) }

    @Test func `both clocks begin with the time of the wall clock`() {
        var clock = clock()
        let (time, step) = clock.read(now(.seconds(5)))
        #expect(time.steady == MadeUp.noon + .seconds(5) && time.wall == time.steady && step == nil)
        #expect(clock.uptime(of: MadeUp.noon + .seconds(7)) == .seconds(107))
    }

    @Test(arguments: [Duration.hours(-30), .hours(30), .seconds(-3), .milliseconds(2001)])
    func `a clock step moves the wall time but no wait in memory, and is reported once`(step: Duration) {
        var clock = clock()
        let before = clock.read(now(.seconds(1))).time
        let (time, found) = clock.read(now(.seconds(2), wallIsAhead: step))
        #expect(found == step)
        #expect(time.steady - before.steady == .seconds(1))
        #expect(time.wall == MadeUp.noon + .seconds(2) + step)
        let later = clock.read(now(.seconds(3), wallIsAhead: step))
        #expect(later.step == nil && later.time.wall == MadeUp.noon + .seconds(3) + step)
        #expect(clock.uptime(of: before.steady + .seconds(10)) == .seconds(111), "an alarm rings when it was meant to")
    }

    @Test(arguments: [Duration.milliseconds(51), .milliseconds(-51), .seconds(2), .seconds(-2)])
    func `a small clock step is followed without moving stored times`(step: Duration) {
        var clock = clock()
        let (time, found) = clock.read(now(.seconds(1), wallIsAhead: step))
        #expect(found == nil && time.offset == step && time.wall == MadeUp.noon + .seconds(1) + step)
    }

    @Test func `a clock that is slewed is followed, to the millisecond`() {
        var clock = clock()
        for second in Int64(1)...200 {
            let (time, step) = clock.read(now(.seconds(second), wallIsAhead: .milliseconds(second)))
            #expect(step == nil)
            #expect(time.offset == .milliseconds(second))
        }
    }

    @Test func `times are converted from one clock to the other and back`() {
        var clock = clock()
        let time = clock.read(now(.zero, wallIsAhead: .hours(-2))).time
        let moment = MadeUp.noon + .minutes(3)
        #expect(time.wall(of: moment) == moment - .hours(2))
        #expect(time.steady(of: time.wall(of: moment)) == moment)
    }

    /// No wait in memory becomes longer or shorter because the clock is set.
    @Test(arguments: [UInt64(21), 22, 23])
    func `the steady clock follows the uptime however the wall clock is set, and the steps add up`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var clock = clock()
        var (uptime, offset, found) = (Duration.zero, Duration.zero, Duration.zero)
        var steps = 0
        for _ in 0..<2000 {
            uptime = uptime + .milliseconds(Int64.random(in: 0...1000, using: &random))
            switch Int.random(in: 0..<20, using: &random) {
            case 0: offset = offset + .minutes(Int64.random(in: -3000...3000, using: &random))
            case 1: offset = offset + .milliseconds(Int64.random(in: -1500...1500, using: &random))
            default: break
            }
            let before = clock.offset
            let (time, step) = clock.read(now(uptime, wallIsAhead: offset))
            #expect(time.steady == MadeUp.noon + uptime, "seed \(seed)")
            let error = time.wall - (MadeUp.noon + uptime + offset)
            #expect(max(error, .zero - error) <= .zero, "seed \(seed)")
            if let step {
                #expect(clock.offset - before == step)
                steps += 1
            } else {
                let size = clock.offset - before
                #expect(max(size, .zero - size) <= Now.smallestClockStep)
            }
            found = found + (clock.offset - before)
        }
        #expect(found == clock.offset && steps > 50, "seed \(seed)")
    }
}
