import SeededRandom
import SyncCore
import Testing

/// When the database is checked for commits by others.
@Suite struct LookScheduleTests {
    private func milliseconds(_ span: Duration?) -> Int64? { span?.milliseconds }

    @Test func `a write begins a series of checks with growing gaps, which ends with one every second`() {
        let looks = Held(LookSchedule())
        var gaps = [milliseconds(looks.machine.written())]
        for _ in 0..<8 {
            let begins = looks.machine.lookBegins()
            #expect(begins)
            gaps.append(milliseconds(looks.machine.looked(isNew: false)))
        }
        #expect(gaps == [1, 5, 20, 100, 200, 400, 1000, 1000, 1000])
    }

    @Test func `without any write the database is checked every second`() {
        let looks = Held(LookSchedule())
        for isNew in [false, true, false] {
            _ = looks.machine.lookBegins()
            #expect(looks.machine.looked(isNew: isNew) == .seconds(1))
        }
    }

    @Test func `a check that finds a commit ends the series`() {
        let looks = Held(LookSchedule())
        _ = looks.machine.written()
        _ = looks.machine.lookBegins()
        #expect(looks.machine.looked(isNew: true) == .seconds(1))
        #expect(milliseconds(looks.machine.written()) == 1)
    }

    @Test func `a write during a series is followed by a check within 20 ms, and steady writing postpones none`() {
        let looks = Held(LookSchedule())
        _ = looks.machine.written()
        for _ in 0..<3 {
            _ = looks.machine.lookBegins()
            _ = looks.machine.looked(isNew: false)
        }
        // The next check was planned after 100 ms.
        #expect(milliseconds(looks.machine.written()) == 20)
        for _ in 0..<100 {
            let planned = looks.machine.written()
            #expect(planned == nil)
        }
        _ = looks.machine.lookBegins()
        #expect(milliseconds(looks.machine.looked(isNew: false)) == 100)
    }

    @Test func `a write during a check is not lost, and no two checks overlap`() {
        let looks = Held(LookSchedule())
        _ = looks.machine.lookBegins()
        let (planned, second) = (looks.machine.written(), looks.machine.lookBegins())
        #expect(planned == nil && !second)
        #expect(milliseconds(looks.machine.looked(isNew: true)) == 5, "the commit that was found may be an earlier one")
        _ = looks.machine.lookBegins()
        _ = looks.machine.written()
        #expect(milliseconds(looks.machine.looked(isNew: false)) == 20)
    }

    /// Writes and commits at random times: the machine with a clock of the test's own.
    @Test(arguments: [UInt64(91), 92, 93])
    func `a commit is found within a second of being visible, whatever the order of writes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let looks = Held(LookSchedule())
        var lookAt: Int64 = 1000
        var (visible, seen): (Int64?, Int) = (nil, 0)
        var count = 0
        for now in Int64(0)..<200_000 {
            if Int.random(in: 0..<400, using: &random) == 0, let gap = looks.machine.written() { lookAt = now + gap.milliseconds }
            if visible == nil, Int.random(in: 0..<3000, using: &random) == 0 { visible = now }
            guard now >= lookAt, looks.machine.lookBegins() else { continue }
            count += 1
            if let since = visible {
                #expect(now - since <= 1000, "seed \(seed)")
                seen += 1
            }
            lookAt = now + looks.machine.looked(isNew: visible != nil).milliseconds
            visible = nil
        }
        #expect(seen > 30 && count < 200_000 / 20, "seed \(seed): \(count) looks")
    }
}

/// A machine whose events may be part of expectations, which see a copy of everything else.
private final class Held<Machine> {
    var machine: Machine
    init(_ machine: Machine) { self.machine = machine }
}
