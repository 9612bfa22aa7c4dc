import Fixtures
import SyncCore
import Testing

/// Whether an object is gone or the URL is wrong.
@Suite struct AbsenceWatchTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    private func missing(_ watch: inout AbsenceWatch, _ object: String, back: Bool = false, isParked: Bool = false, after: Duration = .zero)
        -> AbsenceWatch.Decision
    {
        watch.missing(object, missingSince: back ? start - .seconds(5) : nil, isParked: isParked, now: start + after)
    }

    @Test func `an object that is missing while others are acknowledged is gone`() {
        for canRead in [true, false] {
            var watch = AbsenceWatch(canRead: canRead)
            for number in 0..<20 {
                _ = watch.acknowledged(now: start + .seconds(2 * Int64(number)))
                #expect(missing(&watch, "c\(number)", after: .seconds(2 * Int64(number) + 1)) == .accept(isSuspect: true))
            }
            #expect(watch.acknowledged(now: start + .minutes(1)) == true, "and an acknowledgement confirms it")
            #expect(watch.acknowledged(now: start + .minutes(1)) == false)
        }
    }

    @Test func `with several suspects, a call that was sent before the outage confirms none of them, however late its response comes`() {
        var watch = AbsenceWatch(canRead: false)
        _ = watch.acknowledged(now: start)
        #expect(missing(&watch, "c1", after: .seconds(1)) == .accept(isSuspect: true))
        #expect(watch.acknowledged(startedAt: start, now: start + .seconds(2)) == true, "a single one beside a success is missing")
        for object in ["c1", "c2"] { #expect(missing(&watch, object, after: .seconds(3)) == .accept(isSuspect: true)) }
        #expect(watch.acknowledged(startedAt: start, now: start + .seconds(4)) == false)
        #expect(watch.suspects == ["c1", "c2"])
        #expect(watch.acknowledged(startedAt: start + .seconds(4), now: start + .seconds(5)) == true)
    }

    @Test func `the read decides at once if nothing was acknowledged, and otherwise from the second missing object on`() {
        var watch = AbsenceWatch(canRead: true)
        #expect(missing(&watch, "c1") == .wait(startsRead: true))
        #expect(missing(&watch, "c2") == .wait(startsRead: false), "one read for all that are under way")
        #expect(watch.read(.succeeded, isParked: false, now: start) == .again, "a gateway may have recovered just now")
        #expect(missing(&watch, "c1", back: true) == .accept(isSuspect: false))
        #expect(missing(&watch, "c3") == .accept(isSuspect: true), "that was just now")
        #expect(missing(&watch, "c4") == .wait(startsRead: true))
        #expect(watch.read(.absent, isParked: false, now: start) == .putBack)
        #expect(watch.suspects.isEmpty)
    }

    @Test func `an acknowledgement shows for ten seconds that the URL is right`() {
        for (after, decision) in [
            (Duration.seconds(9), AbsenceWatch.Decision.accept(isSuspect: true)), (.seconds(10), .wait(startsRead: true)),
        ] {
            var watch = AbsenceWatch(canRead: true)
            _ = watch.acknowledged(now: start)
            #expect(missing(&watch, "c1", after: after) == decision)
        }
        var watch = AbsenceWatch(canRead: true)
        _ = watch.acknowledged(now: start)
        #expect(
            watch.missing("c1", missingSince: nil, isParked: false, now: start - .hours(1)) == .wait(startsRead: true), "a clock set back")
    }

    @Test func `an object that is missing repeatedly counts as one suspect`() {
        var watch = AbsenceWatch(canRead: false)
        for _ in 0..<10 { #expect(missing(&watch, "c1") == .accept(isSuspect: true)) }
        #expect(missing(&watch, "c2") == .accept(isSuspect: true))
        #expect(missing(&watch, "c3") == .putBack)
    }

    @Test func `suspects from before a restart still count`() {
        var unread = AbsenceWatch(canRead: false, suspects: ["c1", "c2"])
        #expect(missing(&unread, "c3") == .putBack)
        var readable = AbsenceWatch(canRead: true, suspects: ["c1"])
        #expect(missing(&readable, "c2") == .wait(startsRead: true))
    }

    @Test func `after an inconclusive read the number of missing objects decides`() {
        var watch = AbsenceWatch(canRead: true)
        for object in ["c1", "c2"] {
            #expect(missing(&watch, object) == .wait(startsRead: true))
            #expect(watch.read(.inconclusive, isParked: false, now: start) == .accept(isSuspect: true))
        }
        #expect(missing(&watch, "c3") == .wait(startsRead: true))
        #expect(watch.read(.inconclusive, isParked: false, now: start) == .putBack)
        #expect(missing(&watch, "c1", back: true, isParked: true) == .wait(startsRead: true), "the probe asks again")
        #expect(watch.read(.inconclusive, isParked: true, now: start) == .putBack)
        #expect(missing(&watch, "c2", back: true, isParked: true) == .wait(startsRead: true))
        #expect(watch.read(.succeeded, isParked: true, now: start) == .again)
        #expect(missing(&watch, "c2", back: true) == .accept(isSuspect: false))
    }

    @Test func `where calls were acknowledged, a list that was never there decides nothing, and the third object parks`() {
        var watch = AbsenceWatch(canRead: true, acknowledgedAt: start - .hours(1))
        for object in ["c1", "c2"] {
            #expect(missing(&watch, object) == .wait(startsRead: true))
            #expect(watch.read(.absent, isParked: false, now: start) == .accept(isSuspect: true))
        }
        #expect(missing(&watch, "c3") == .wait(startsRead: true))
        #expect(watch.read(.absent, isParked: false, now: start) == .putBack)
        #expect(missing(&watch, "c1", back: true, isParked: true) == .wait(startsRead: true))
        #expect(watch.read(.absent, isParked: true, now: start) == .putBack)
        // An acknowledgement by this process counts in the same way.
        var fresh = AbsenceWatch(canRead: true)
        _ = fresh.acknowledged(now: start)
        #expect(missing(&fresh, "c1", after: .minutes(1)) == .wait(startsRead: true))
        #expect(fresh.read(.absent, isParked: false, now: start + .minutes(1)) == .accept(isSuspect: true))
    }

    @Test func `a list that was there and is missing parks, and so does one of a remote that never acknowledged anything`() {
        var watch = AbsenceWatch(canRead: true, acknowledgedAt: start - .hours(1))
        #expect(missing(&watch, "c1") == .wait(startsRead: true))
        #expect(watch.read(.succeeded, isParked: false, now: start) == .accept(isSuspect: false))
        #expect(missing(&watch, "c2", after: .minutes(1)) == .wait(startsRead: true))
        #expect(watch.read(.absent, isParked: false, now: start + .minutes(1)) == .putBack)
        var fresh = AbsenceWatch(canRead: true)
        #expect(missing(&fresh, "c1") == .wait(startsRead: true))
        #expect(fresh.read(.absent, isParked: false, now: start) == .putBack)
    }

    @Test func `a single missing object is gone when the read gets a response`() {
        var watch = AbsenceWatch(canRead: true)
        #expect(missing(&watch, "c1") == .wait(startsRead: true))
        #expect(watch.read(.succeeded, isParked: false, now: start) == .accept(isSuspect: false))
    }

    @Test func `a call that is acknowledged during the read outweighs its result`() {
        var watch = AbsenceWatch(canRead: true)
        #expect(missing(&watch, "c1") == .wait(startsRead: true))
        #expect(watch.acknowledged(now: start) == true)
        #expect(watch.read(.absent, isParked: false, now: start) == .accept(isSuspect: false))
    }

    @Test func `a response that is not from the API is retried, and the third in a row parks the remote`() {
        for canRead in [true, false] {
            var watch = AbsenceWatch(canRead: canRead)
            for _ in 0..<2 { #expect(watch.noRoute(isLast: false, isParked: false) == .accept(isSuspect: false)) }
            _ = watch.acknowledged(now: start)
            for _ in 0..<2 { #expect(watch.noRoute(isLast: false, isParked: false) == .accept(isSuspect: false)) }
            #expect(watch.noRoute(isLast: false, isParked: false) == .putBack)
            #expect(watch.noRoute(isLast: false, isParked: true) == .putBack)
        }
        var watch = AbsenceWatch(canRead: true)
        #expect(watch.noRoute(isLast: true, isParked: false) == .putBack, "no row is given up because of it")
    }

    @Test func `without a read, an object that was put back is gone if it is missing again after an acknowledgement`() {
        var watch = AbsenceWatch(canRead: false)
        for object in ["c1", "c2"] { #expect(missing(&watch, object) == .accept(isSuspect: true)) }
        #expect(missing(&watch, "c3") == .putBack)
        #expect(missing(&watch, "c1", back: true, isParked: true) == .putBack)
        _ = watch.acknowledged(now: start)
        for object in ["c1", "c2", "c3"] { #expect(missing(&watch, object, back: true) == .accept(isSuspect: false)) }
        // Also when the acknowledgement came before a restart, but not when it came before the object was missing.
        for (acknowledgedAt, isGone) in [(start, true), (start - .seconds(6), false)] {
            var restarted = AbsenceWatch(canRead: false, acknowledgedAt: acknowledgedAt)
            #expect(missing(&restarted, "c1", back: true) == .accept(isSuspect: !isGone))
        }
    }

    /// A remote whose URL is right, and of whose objects all, some or none are gone, driven until nothing is left to send.
    @Test(arguments: [UInt64(20_261), 20_262, 20_263], [true, false])
    func `deliveries end, and existing objects are given up only where they cannot be told from missing ones`(seed: UInt64, canRead: Bool) {
        var random = SeededGenerator(seed: seed)
        for life in 0..<300 {
            let count = Int.random(in: 1...12, using: &random)
            let there = (0..<count).map { _ in Int.random(in: 0..<3, using: &random) > 0 }
            // Without a read, only an object that exists can show that the URL is right.
            guard canRead || there.contains(true) else { continue }
            var world = World(
                watch: AbsenceWatch(canRead: canRead), there: there, gatewayFails: .random(in: 0...20, using: &random), now: start)
            for _ in 0..<2000 where !world.isOver { world.step(using: &random) }
            // Without a read, a missing object may have to wait for an acknowledgement of another one.
            #expect(world.isOver || !canRead && world.isParked && world.onlyGoneOnesWait, "seed \(seed), life \(life)")
            #expect(
                world.lost.count < (canRead ? 2 : AbsenceWatch.objectLimit), "seed \(seed), life \(life): \(world.lost)")
        }
    }

    /// For a while a gateway responds to everything with a 404 in JSON.
    private struct World {
        enum Row { case pending, suspect, gone, done }

        var watch: AbsenceWatch
        let there: [Bool]
        var gatewayFails: Int
        var now: Instant
        var rows: [Row]
        var back: [Int: Instant] = [:]
        var waiting: [Int] = []
        var isParked = false

        init(watch: AbsenceWatch, there: [Bool], gatewayFails: Int, now: Instant) {
            self.watch = watch
            self.there = there
            self.gatewayFails = gatewayFails
            self.now = now
            rows = there.map { _ in .pending }
        }

        var isOver: Bool { !rows.contains(.pending) && waiting.isEmpty }
        var onlyGoneOnesWait: Bool { rows.indices.allSatisfy { rows[$0] != .pending || !there[$0] } }
        /// Objects that exist and were given up for good after the gateway had recovered.
        var lost: [Int] { rows.indices.filter { there[$0] && rows[$0] == .gone } }

        mutating func step(using random: inout SeededGenerator) {
            now = now + .milliseconds(Int64.random(in: 1...5000, using: &random))
            let isUp = gatewayFails == 0
            if gatewayFails > 0 { gatewayFails -= 1 }
            if watch.isReading, Bool.random(using: &random) {
                let result: AbsenceWatch.ReadResult = isUp ? .succeeded : .absent
                let decision = watch.read(result, isParked: isParked, now: now)
                for index in waiting { take(decision, index) }
                waiting = []
                return
            }
            guard !watch.isReading, let index = rows.indices.filter({ rows[$0] == .pending }).randomElement(using: &random) else { return }
            guard isUp, there[index] else {
                let decision = watch.missing("\(index)", missingSince: back[index], isParked: isParked, now: now)
                if case .wait = decision { waiting.append(index) } else { take(decision, index) }
                return
            }
            rows[index] = .done
            isParked = false
            if watch.acknowledged(now: now) { for index in rows.indices where rows[index] == .suspect { rows[index] = .gone } }
        }

        private mutating func take(_ decision: AbsenceWatch.Decision, _ index: Int) {
            switch decision {
            case .accept(let isSuspect):
                rows[index] = isSuspect ? .suspect : .gone
                if !isSuspect, !waiting.isEmpty {
                    for index in rows.indices where rows[index] == .suspect { rows[index] = .gone }
                }
            case .putBack, .again:
                isParked = decision == .putBack
                back[index] = now
                rows[index] = .pending
                for index in rows.indices where rows[index] == .suspect {
                    rows[index] = .pending
                    back[index] = now
                }
            case .wait: break
            }
        }
    }
}
