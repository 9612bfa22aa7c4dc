import Fixtures
import SyncCore
import Testing

/// When the database is checked for commits by others.
@Suite struct CommitCheckScheduleTests {
    private func milliseconds(_ span: Duration?) -> Int64? { span?.milliseconds }

    @Test func `a write begins a series of checks with growing gaps, which ends with one every second`() {
        let checks = Held(CommitCheckSchedule())
        var gaps = [milliseconds(checks.machine.written())]
        for _ in 0..<8 {
            let begins = checks.machine.checkBegins()
            #expect(begins)
            gaps.append(milliseconds(checks.machine.checkEnded(isNew: false)))
        }
        #expect(gaps == [1, 5, 20, 100, 200, 400, 1000, 1000, 1000])
    }

    @Test func `without any write the database is checked every second`() {
        let checks = Held(CommitCheckSchedule())
        for isNew in [false, true, false] {
            _ = checks.machine.checkBegins()
            #expect(checks.machine.checkEnded(isNew: isNew) == .seconds(1))
        }
    }

    @Test func `a check that finds a commit ends the series`() {
        let checks = Held(CommitCheckSchedule())
        _ = checks.machine.written()
        _ = checks.machine.checkBegins()
        #expect(checks.machine.checkEnded(isNew: true) == .seconds(1))
        #expect(milliseconds(checks.machine.written()) == 1)
    }

    @Test func `a write during a series is followed by a check within 20 ms, and steady writing postpones none`() {
        let checks = Held(CommitCheckSchedule())
        _ = checks.machine.written()
        for _ in 0..<3 {
            _ = checks.machine.checkBegins()
            _ = checks.machine.checkEnded(isNew: false)
        }
        // The next check was planned after 100 ms.
        #expect(milliseconds(checks.machine.written()) == 20)
        for _ in 0..<100 {
            let planned = checks.machine.written()
            #expect(planned == nil)
        }
        _ = checks.machine.checkBegins()
        #expect(milliseconds(checks.machine.checkEnded(isNew: false)) == 100)
    }

    @Test func `a write during a check is not lost, and no two checks overlap`() {
        let checks = Held(CommitCheckSchedule())
        _ = checks.machine.checkBegins()
        let (planned, second) = (checks.machine.written(), checks.machine.checkBegins())
        #expect(planned == nil && !second)
        #expect(milliseconds(checks.machine.checkEnded(isNew: true)) == 5, "the commit that was found may be an earlier one")
        _ = checks.machine.checkBegins()
        _ = checks.machine.written()
        #expect(milliseconds(checks.machine.checkEnded(isNew: false)) == 20)
    }

    /// Writes and commits at random times: the machine with a clock of the test's own.
    @Test(arguments: [UInt64(91), 92, 93])
    func `a commit is found within a second of being visible, whatever the order of writes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let checks = Held(CommitCheckSchedule())
        var checkAt: Int64 = 1000
        var (visible, seen): (Int64?, Int) = (nil, 0)
        var count = 0
        for now in Int64(0)..<200_000 {
            if Int.random(in: 0..<400, using: &random) == 0, let gap = checks.machine.written() { checkAt = now + gap.milliseconds }
            if visible == nil, Int.random(in: 0..<3000, using: &random) == 0 { visible = now }
            guard now >= checkAt, checks.machine.checkBegins() else { continue }
            count += 1
            if let since = visible {
                #expect(now - since <= 1000, "seed \(seed)")
                seen += 1
            }
            checkAt = now + checks.machine.checkEnded(isNew: visible != nil).milliseconds
            visible = nil
        }
        #expect(seen > 30 && count < 200_000 / 20, "seed \(seed): \(count) checks")
    }
}

/// A machine whose events may be part of expectations, which see a copy of everything else.
private final class Held<Machine> {
    var machine: Machine
    init(_ machine: Machine) { self.machine = machine }
}
