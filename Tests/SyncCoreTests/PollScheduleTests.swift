import SeededRandom
import SyncCore
import Testing

/// When a remote is read: a machine over events, on a clock of its own.
@Suite struct PollScheduleTests {
    private static let start = Instant(milliseconds: 1_772_366_400_000)
    private static func at(_ seconds: Int64) -> Instant { start + .seconds(seconds) }

    /// The machine with its answers as values: an event inside of an expectation would change a copy.
    private final class Reader {
        var schedule: PollSchedule
        init(startingAt seconds: Int64 = 0) { schedule = PollSchedule(interval: .seconds(30), now: PollScheduleTests.at(seconds)) }
        func begins(_ seconds: Int64) -> Bool { schedule.begin(now: PollScheduleTests.at(seconds)) }
        var nextAt: Int64 { (schedule.nextAt - PollScheduleTests.start).milliseconds / 1000 }
    }

    @Test func `the first look begins at once, the next an interval after it began`() {
        let reader = Reader()
        #expect(reader.begins(0))
        reader.schedule.ended()
        #expect(!reader.begins(29))
        #expect(reader.nextAt == 30)
        #expect(reader.begins(31))
        #expect(reader.nextAt == 61)
    }

    @Test func `one look at a time, however long it takes`() {
        let reader = Reader()
        #expect(reader.begins(0))
        #expect(!reader.begins(100))
        reader.schedule.ended()
        #expect(reader.begins(100))
    }

    @Test func `failures in a row double the interval up to tenfold, and a success forgets them`() {
        let reader = Reader()
        var waits: [Int64] = []
        for _ in 0..<7 {
            let now = reader.nextAt
            #expect(reader.begins(now))
            reader.schedule.failed(now: Self.at(now))
            waits.append(reader.nextAt - now)
        }
        #expect(waits == [60, 120, 240, 300, 300, 300, 300])
        let now = reader.nextAt
        #expect(reader.begins(now))
        reader.schedule.ended()
        #expect(reader.nextAt == now + 30)
    }

    @Test func `a closed gate is waited for, and is no failure`() {
        let reader = Reader()
        #expect(reader.begins(0))
        reader.schedule.held(until: Self.at(7), now: Self.at(0))
        #expect(reader.nextAt == 7)
        #expect(reader.begins(7))
        // Nobody knows until when: an interval. A moment that is past: not at once again.
        reader.schedule.held(until: nil, now: Self.at(7))
        #expect(reader.nextAt == 37)
        #expect(reader.begins(37))
        reader.schedule.held(until: Self.at(1), now: Self.at(37))
        #expect(reader.nextAt == 38)
    }

    @Test func `a clock that was set back does not stop the looks`() {
        let reader = Reader(startingAt: 100_000)
        #expect(!reader.begins(0))
        #expect(reader.nextAt == 30)
        #expect(reader.begins(30))
    }

    @Test(arguments: [UInt64(81), 82])
    func `whatever happens, the next look is due within ten intervals and looks never overlap`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = PollSchedule(interval: .seconds(30), now: Self.start)
        var now = Self.start
        var begun = 0
        for _ in 0..<5000 {
            now = now + .seconds(Int64.random(in: -40...60, using: &random))
            let wasReading = schedule.isReading
            switch Int.random(in: 0..<5, using: &random) {
            case 0 where wasReading: schedule.ended()
            case 1 where wasReading: schedule.failed(now: now)
            case 2 where wasReading: schedule.held(until: Bool.random(using: &random) ? nil : now + .seconds(5), now: now)
            default:
                let hasBegun = schedule.begin(now: now)
                #expect(!(hasBegun && wasReading), "seed \(seed)")
                begun += hasBegun ? 1 : 0
            }
            if !schedule.isReading { #expect(schedule.nextAt <= max(now, Self.start + .hours(40)) + .seconds(300), "seed \(seed)") }
        }
        #expect(begun > 500, "seed \(seed)")
    }
}
