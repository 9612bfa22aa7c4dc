import Fixtures
import SyncCore
import Testing

/// When a remote is read: a machine over events, on a clock of its own.
@Suite struct PollScheduleTests {
    private static let start = Instant(milliseconds: 1_772_366_400_000)
    private static func at(_ seconds: Int64) -> Instant { start + .seconds(seconds) }

    /// The machine with its results as values: an event inside an expectation would change a copy.
    private final class Reader {
        var schedule: PollSchedule
        init(_ interval: Duration? = .seconds(30), startingAt seconds: Int64 = 0) {
            schedule = PollSchedule(interval: interval, now: PollScheduleTests.at(seconds))
        }
        func begin(_ seconds: Int64, hasRequests: Bool = false, asksForList: Bool = false) -> PollSchedule.Scope? {
            schedule.begin(hasRequests: hasRequests, asksForList: asksForList, now: PollScheduleTests.at(seconds))
        }
        func begins(_ seconds: Int64) -> Bool { begin(seconds) == .list }
        @discardableResult func ended(_ seconds: Int64, hasMore: Bool = false) -> Bool {
            schedule.ended(hasMore: hasMore, now: PollScheduleTests.at(seconds))
        }
        @discardableResult func failed(_ seconds: Int64, _ what: PollSchedule.Failure = .everything) -> Bool {
            schedule.failed(what, now: PollScheduleTests.at(seconds))
        }
        @discardableResult func held(_ seconds: Int64, until: Int64?) -> Bool {
            schedule.held(until: until.map(PollScheduleTests.at), now: PollScheduleTests.at(seconds))
        }
        var nextAt: Int64? { schedule.nextAt.map { ($0 - PollScheduleTests.start).milliseconds / 1000 } }
    }

    @Test func `without an interval only requests are read, and no poll is due by itself`() {
        let reader = Reader(nil)
        #expect(reader.nextAt == nil)
        #expect(reader.begin(0) == nil)
        #expect(reader.begin(0, hasRequests: true) == .requests)
        #expect(!reader.ended(1))
        #expect(reader.nextAt == nil)
    }

    @Test func `a remote that is resumed is read at once, whatever its pause was`() {
        let reader = Reader()
        #expect(reader.begins(0))
        for _ in 0..<5 { reader.failed(0) }
        #expect(!reader.begins(31))
        reader.schedule.resumed(now: Self.at(31))
        #expect(reader.begins(31))
        reader.held(31, until: 300)
        #expect(!reader.begins(100))
        reader.schedule.resumed(now: Self.at(100))
        #expect(reader.begins(100))
        // During a read the time of the next one stays as it is.
        reader.schedule.resumed(now: Self.at(101))
        reader.ended(102)
        #expect(!reader.begins(103))
    }

    @Test func `without an interval, what was requested during a pause is read when a person resumes the remote`() {
        let reader = Reader(nil)
        #expect(reader.begin(0, hasRequests: true) == .requests)
        reader.held(0, until: nil)
        #expect(reader.nextAt == 30)
        reader.schedule.resumed(now: Self.at(5))
        #expect(reader.nextAt == 5)
        #expect(reader.begin(5, hasRequests: true) == .requests)
        reader.ended(6)
        reader.schedule.resumed(now: Self.at(7))
        #expect(reader.begin(7) == nil && reader.nextAt == nil)
    }

    @Test func `a request that arrives during a poll cycle is read when the cycle ends`() {
        let reader = Reader(nil)
        #expect(reader.begin(0, hasRequests: true) == .requests)
        #expect(reader.begin(1, hasRequests: true) == nil)
        #expect(reader.ended(2))
        #expect(reader.begin(2, hasRequests: true) == .requests)
        #expect(!reader.ended(3))
    }

    @Test func `a burst of requests for the list costs a read at once, one every three seconds, and one after it`() {
        let reader = Reader(nil)
        var looks: [Int64] = []
        var asked = false
        // Twenty webhook calls a second for five seconds; the clock here counts whole seconds.
        for second in Int64(0)...12 {
            asked = asked || second < 5
            guard asked else { continue }
            if reader.begin(second, asksForList: true) == .requestedList {
                looks.append(second)
                asked = second < 4
                reader.ended(second)
            } else {
                #expect(reader.nextAt == (looks.last ?? 0) + 3, "somebody has to set an alarm for who has asked")
            }
        }
        #expect(looks == [0, 3, 6])
        #expect(reader.begin(20, asksForList: true) == .requestedList)
    }

    @Test func `objects that are requested repeatedly are read once a second`() {
        let reader = Reader(nil)
        #expect(reader.begin(0, hasRequests: true) == .requests)
        reader.ended(0)
        #expect(reader.begin(0, hasRequests: true) == nil)
        #expect(reader.nextAt == 1)
        #expect(reader.begin(1, hasRequests: true) == .requests)
        // Requests beyond the limit of one poll cycle do not wait.
        reader.ended(1, hasMore: true)
        #expect(reader.begin(1, hasRequests: true) == .requests)
    }

    @Test func `requested objects do not wait for a requested list, and a requested list does not postpone the interval`() {
        let reader = Reader(nil)
        #expect(reader.begin(0, asksForList: true) == .requestedList)
        reader.ended(0)
        #expect(reader.begin(1, hasRequests: true, asksForList: true) == .requests)
        #expect(reader.nextAt == 3)
        reader.ended(1)
        #expect(reader.begin(3, hasRequests: true, asksForList: true) == .requestedList)
        let polled = Reader(.seconds(2))
        #expect(polled.begin(0, asksForList: true) == .list)
        polled.ended(0)
        #expect(polled.begin(1, asksForList: true) == nil)
        #expect(polled.nextAt == 2)
        #expect(polled.begin(2, asksForList: true) == .list)
    }

    @Test func `requests that fail wait longer each time, and are due by themselves afterwards`() {
        let reader = Reader(nil)
        var now: Int64 = 0
        var rests: [Int64] = []
        for _ in 0..<10 {
            #expect(reader.begin(now, hasRequests: true) == .requests)
            #expect(reader.failed(now), "somebody has to set an alarm for the end of the rest")
            let next = reader.nextAt ?? 0
            #expect(reader.begin(next - 1, hasRequests: true) == nil)
            rests.append(next - now)
            now = next
        }
        #expect(rests == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    }

    @Test func `objects that fail delay neither others nor the list`() {
        let reader = Reader()
        #expect(reader.begins(0))
        #expect(!reader.failed(1, .objects))
        #expect(reader.begin(2, hasRequests: true) == .requests)
        reader.failed(2, .objects)
        #expect(reader.begin(3, hasRequests: true) == .requests)
        reader.ended(3)
        #expect(reader.nextAt == 30)
    }

    @Test func `a list that fails alone is put off, and requested objects are not`() {
        let reader = Reader(nil)
        var looks: [Int64] = []
        for second in Int64(0)...120 {
            // The list was requested once; objects are requested every ten seconds.
            let hasRequests = second % 10 == 5
            switch reader.begin(second, hasRequests: hasRequests, asksForList: true) {
            case .requestedList?:
                looks.append(second)
                reader.failed(second, .list)
                #expect((reader.nextAt ?? .max) - second <= 64, "somebody has to set an alarm for the list")
            case .requests?: reader.ended(second)
            default: #expect(!hasRequests, "objects wait at \(second)")
            }
        }
        #expect(looks == [0, 3, 7, 15, 31, 63])
        let polled = Reader(.seconds(30))
        #expect(polled.begins(0))
        polled.failed(0, .list)
        #expect(polled.nextAt == 60)
        #expect(polled.begin(1, hasRequests: true) == .requests)
        polled.failed(1)
        #expect(polled.nextAt == 3)
    }

    @Test func `requests that fail do not postpone the list beyond their own pause`() {
        let reader = Reader()
        #expect(reader.begins(0))
        reader.ended(0)
        #expect(reader.begin(29, hasRequests: true) == .requests)
        reader.failed(29)
        #expect(reader.nextAt == 31)
        #expect(reader.begins(31))
    }

    @Test func `the first poll begins at once, the next an interval after the first began`() {
        let reader = Reader()
        #expect(reader.begins(0))
        reader.ended(0)
        #expect(!reader.begins(29))
        #expect(reader.nextAt == 30)
        #expect(reader.begins(31))
        #expect(reader.nextAt == 61)
    }

    @Test func `poll cycles never overlap, however long one takes`() {
        let reader = Reader()
        #expect(reader.begins(0))
        #expect(!reader.begins(100))
        reader.ended(0)
        #expect(reader.begins(100))
    }

    @Test(arguments: [(60, 600), (120, 600), (900, 900), (7200, 7200)])
    func `after failures a list is not put off by more than ten minutes or an interval`(interval: Int64, longest: Int64) {
        var schedule = PollSchedule(interval: .seconds(interval), now: PollScheduleTests.at(0))
        var now: Int64 = 0
        for _ in 0..<6 {
            #expect(schedule.begin(hasRequests: false, now: PollScheduleTests.at(now)) == .list)
            _ = schedule.failed(now: PollScheduleTests.at(now))
            while !schedule.isListDue(now: PollScheduleTests.at(now)) { now += 30 }
        }
        _ = schedule.begin(hasRequests: false, now: PollScheduleTests.at(now))
        _ = schedule.failed(now: PollScheduleTests.at(now))
        #expect(schedule.isListDue(now: PollScheduleTests.at(now + longest)))
        #expect(!schedule.isListDue(now: PollScheduleTests.at(now + longest - 1)))
    }

    @Test func `failures in a row double the interval up to tenfold, and a success resets it`() {
        let reader = Reader(.minutes(1))
        var waits: [Int64] = []
        var now: Int64 = 0
        #expect(reader.begins(now))
        for _ in 0..<6 {
            reader.failed(now)
            var next = now
            repeat { next += 1 } while !reader.begins(next)
            waits.append(next - now)
            now = next
        }
        #expect(waits == [120, 240, 480, 600, 600, 600])
        reader.ended(now)
        #expect(reader.nextAt == now + 60)
    }

    @Test func `after failures a read that succeeds brings the poll forward to one interval`() {
        let reader = Reader(.minutes(1))
        #expect(reader.begins(0))
        reader.failed(0)
        for now: Int64 in [120, 360] {
            #expect(reader.begins(now))
            reader.failed(now)
        }
        #expect(!reader.begins(800))
        #expect(reader.begin(800, hasRequests: true) == .requests)
        reader.ended(801)
        #expect(reader.nextAt == 840)
        #expect(reader.begins(840))
        reader.failed(840)
        #expect(reader.begin(850, asksForList: true) == .requestedList)
        reader.ended(851)
        #expect(reader.nextAt == 911)
    }

    @Test func `a poll waits for a closed gate, which is not a failure`() {
        let reader = Reader()
        #expect(reader.begins(0))
        reader.held(0, until: 7)
        #expect(reader.nextAt == 7)
        #expect(reader.begins(7))
        // Where the end is unknown, an interval. Where it is past, not at once again.
        reader.held(7, until: nil)
        #expect(reader.nextAt == 37)
        #expect(reader.begins(37))
        reader.held(37, until: 1)
        #expect(reader.nextAt == 38)
    }

    @Test(arguments: [Duration.seconds(1), .seconds(30), .minutes(10), nil])
    func `a gate that is closed for a day is asked again within minutes, and not at once`(interval: Duration?) {
        let reader = Reader(interval)
        #expect(reader.begin(0, hasRequests: true) != nil)
        reader.held(0, until: 86_400)
        let longest = max((interval ?? .zero).milliseconds / 1000, 300)
        #expect(reader.nextAt == longest)
        // Runs begin all the time, for whatever reason.
        for second in 1..<longest { #expect(reader.begin(second, hasRequests: true) == nil) }
        #expect(reader.begin(longest, hasRequests: true) != nil)
    }

    @Test(arguments: [UInt64(81), 82])
    func `the next poll is due within ten intervals, and poll cycles never overlap, whatever happens`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = PollSchedule(interval: .seconds(30), now: Self.start)
        var now = Self.start
        var begun = 0
        for _ in 0..<5000 {
            now = now + .seconds(Int64.random(in: 0...60, using: &random))
            let wasReading = schedule.isReading
            switch Int.random(in: 0..<7, using: &random) {
            case 6 where wasReading: _ = schedule.failed(.list, now: now)
            case 0 where wasReading: _ = schedule.ended(now: now)
            case 1 where wasReading: _ = schedule.failed(.objects, now: now)
            case 2 where wasReading: _ = schedule.failed(now: now)
            case 3 where wasReading: _ = schedule.held(until: Bool.random(using: &random) ? nil : now + .seconds(5), now: now)
            default:
                let look = schedule.begin(
                    hasRequests: Bool.random(using: &random), asksForList: Bool.random(using: &random), now: now)
                #expect(!(look != nil && wasReading), "seed \(seed)")
                begun += look != nil ? 1 : 0
            }
            if let next = schedule.nextAt, !schedule.isReading { #expect(next <= now + .seconds(300), "seed \(seed)") }
        }
        #expect(begun > 500, "seed \(seed)")
    }
}
