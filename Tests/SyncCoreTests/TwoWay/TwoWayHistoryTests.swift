import Fixtures
import Testing

@testable import SyncCore

/// The invariants of two-way synchronisation over all short histories and over long random ones.
///
/// At rest `held` is what is there, nothing is due, each field looks like the local row or has a reason, and the last change of each
/// attribute shows here or its loss was reported (``TwoWayWorld/wrong()``). A stale report changes nothing (``TwoWayWorld/problem``).
@Suite struct TwoWayHistoryTests {
    struct Scenario: Sendable, CustomTestStringConvertible {
        var name: String
        var remote: TwoWayWorld.Remote
        var row: LocalValues
        var tick: Int64 = 1

        var testDescription: String { "\(name), \(row.status.rawValue) (\(row.assigneeID ?? "nobody"))" }
    }

    private static let scenarios: [Scenario] =
        TwoWayAlphabet.rows.flatMap { row in
            [
                Scenario(name: "voicebot", remote: .voicebot, row: row), Scenario(name: "vg", remote: .vg, row: row),
                Scenario(name: "vg, dates in steps of three seconds", remote: .vg, row: row, tick: 3),
                Scenario(name: "helpdesk", remote: .helpdesk, row: row),
            ]
        }
        + [TwoWayWorld.Remote.voicebot, .vg].flatMap { remote in
            [AdoptionPolicy.Conflict.local, .remote].map { conflict in
                Scenario(
                    name: "\(remote.kind.name), \(conflict.rawValue) wins",
                    remote: remote.with { ($0.conflict, $0.reopening) = (conflict, conflict == .local ? .never : .always) },
                    row: TwoWayAlphabet.rows[1])
            }
        } + [Scenario(name: "voicebot, nothing adopted", remote: .voicebot.with { $0.fields = [] }, row: TwoWayAlphabet.rows[1])]

    @Test(arguments: scenarios)
    func `all histories of two events keep the invariants`(scenario: Scenario) {
        let start = TwoWayWorld.atRest([scenario.remote], scenario.row, tick: scenario.tick)
        let events = TwoWayAlphabet.all(scenario.remote.kind)
        for first in events {
            var one = start
            guard one.happen(first) else { continue }
            expectRest(one, after: [first])
            for second in events {
                var two = one
                guard two.happen(second) else { continue }
                expectRest(two, after: [first, second])
            }
        }
    }

    @Test(arguments: [TwoWayWorld.Remote.voicebot, .vg])
    func `all histories of four events around one change on either side keep the invariants`(remote: TwoWayWorld.Remote) {
        let end: Fields = remote.kind.name == "vg" ? ["word": "ended_chat"] : ["word": "done", "user": 78]
        let events: [TwoWayEvent] = [
            .here(.status, "closed"), .here(.assignee, "bert"), .there(0, end), .read(0), .readLagging(0), .call(0, .acknowledged),
            .call(0, .lost),
        ]
        var worlds = [(TwoWayWorld.atRest([remote], TwoWayAlphabet.rows[1]), [TwoWayEvent]())]
        for _ in 0..<4 {
            worlds = worlds.flatMap { world, path in
                events.compactMap { event in
                    var next = world
                    return next.happen(event) ? (next, path + [event]) : nil
                }
            }
        }
        #expect(worlds.count > 300, "\(worlds.count)")
        for (world, path) in worlds { expectRest(world, after: path) }
    }

    private func expectRest(_ world: TwoWayWorld, after path: [TwoWayEvent], _ comment: String = "") {
        var rest = world
        let problem = rest.settle() ? rest.wrong() : "no rest"
        #expect(problem == nil, "\(path) \(comment)")
        #expect(rest.calls.count - world.calls.count <= world.remotes.count * (path.count + 1), "too many calls after \(path) \(comment)")
    }

    // MARK: From rest

    private static let four: [TwoWayWorld.Remote] = {
        var other = TwoWayKind.vg
        other.name = "vg2"
        return [.voicebot, .vg, .helpdesk, TwoWayWorld.Remote(other)]
    }()

    private static let changes: [TwoWayEvent] =
        TwoWayAlphabet.here + [.here(.title, "x & y"), .here(.title, nil)]
        + four.indices.flatMap { index in TwoWayAlphabet.there(four[index].kind).map { .there(index, $0) } }

    @Test(arguments: TwoWayAlphabet.rows, [0, 1])
    func `one change makes at most one call for each remote, and nothing is due afterwards`(row: LocalValues, form: Int) {
        let start = TwoWayWorld.atRest(Self.four, row, storedForm: TwoWayAlphabet.storedForms[form])
        for change in Self.changes {
            var world = start
            guard world.happen(change) else { continue }
            expectRest(world, after: [change])
            _ = world.settle()
            for index in world.remotes.indices {
                #expect(world.calls.count { $0.remote == index } <= 1, "\(change): \(world.calls)")
            }
            let calls = world.calls.count
            _ = world.settle()
            #expect(world.calls.count == calls, "calls without a change after \(change)")
        }
    }

    @Test(arguments: TwoWayAlphabet.rows)
    func `a value that is not understood causes no call and no change`(row: LocalValues) {
        let start = TwoWayWorld.atRest(Self.four, row)
        let strange: [(Int, Fields)] = [
            (0, ["word": "snoozed"]), (0, ["word": "snoozed", "user": 78]), (0, ["word": "snoozed", "user": .null]),
            (1, ["word": "on-hold"]),
            (1, ["word": "on-hold", "user": "c_bert"]), (2, ["word": "waiting"]), (3, ["word": .null]), (0, ["word": 7]),
        ]
        for (index, fields) in strange {
            var world = start
            guard world.happen(.there(index, fields)) else { continue }
            expectRest(world, after: [.there(index, fields)])
            _ = world.settle()
            #expect(world.calls.isEmpty, "\(fields)")
            #expect(world.local == start.local, "\(fields)")
        }
        guard row.assigneeID == "anna" else { return }
        var world = start
        world.happen(.there(0, ["user": 99]))
        _ = world.settle()
        #expect(world.calls.isEmpty)
        #expect(world.local == start.local)
    }

    @Test(arguments: 1...3)
    func `remotes that store titles in different forms do not overwrite each other's titles in turn`(form: Int) {
        let start = TwoWayWorld.atRest([.vg, .helpdesk], TwoWayAlphabet.rows[0], storedForm: TwoWayAlphabet.storedForms[form])
        let events: [TwoWayEvent] =
            [.here(.title, "a & bcd"), .here(.title, "xy & z"), .there(0, ["title": "g & t"]), .there(1, ["title": "h & t"])]
            + [0, 1].flatMap { index in [TwoWayWorld.Fate.acknowledged, .empty, .lost].map { .call(index, $0) } }
            + [0, 1].flatMap { [.read($0), .readLagging($0)] }
        for first in events {
            for second in events {
                for third in events {
                    var world = start
                    let path = [first, second, third]
                    guard path.allSatisfy({ world.happen($0) }) else { continue }
                    expectRest(world, after: path)
                }
            }
        }
    }

    // MARK: Random

    @Test(arguments: UInt64(1)...6)
    func `random histories keep the invariants`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for number in 0..<12 {
            var world = drawn(&random)
            var path: [TwoWayEvent] = []
            for _ in 0..<60 {
                let event = drawn(world, &random)
                guard world.happen(event) else { continue }
                path.append(event)
                guard Int.random(in: 0..<100, using: &random) < 15 else { continue }
                var rest = world
                let problem = rest.settle() ? rest.wrong() : "no rest"
                #expect(problem == nil, "seed \(seed), history \(number): \(path.suffix(10))")
                if problem != nil { break }
                if Bool.random(using: &random) {
                    world = rest
                    world.acts = [:]
                }
            }
        }
    }

    private func drawn(_ random: inout SeededGenerator) -> TwoWayWorld {
        let remotes = Self.four.shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random)).map { remote in
            remote.with { policy in
                policy.conflict = pick([.newest, .newest, .local, .remote], &random)
                policy.reopening = pick([.message, .message, .always, .never], &random)
                policy.fields = pick([[.status, .title], [.status, .title], [.status], []], &random)
            }
        }
        let row = LocalValues(
            status: pick([.open, .ended, .closed], &random), assigneeID: pick([TwoWayKind.ai, nil, "anna", "bert", "agent_x"], &random),
            title: pick([nil, "a & b"], &random))
        return TwoWayWorld.atRest(
            remotes, row, tick: pick([1, 1, 4], &random), storedForm: pick(TwoWayAlphabet.storedForms, &random))
    }

    private func drawn(_ world: TwoWayWorld, _ random: inout SeededGenerator) -> TwoWayEvent {
        let index = Int.random(in: world.remotes.indices, using: &random)
        let kind = world.remotes[index].kind
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<20:
            switch pick(LocalAttribute.allCases, &random) {
            case .status: return .here(.status, pick(["open", "closed", "ended", "resolved"], &random))
            case .assignee: return .here(.assignee, pick([TwoWayKind.ai, nil, "anna", "bert", "agent_x"], &random))
            case .title: return .here(.title, pick(["a & b", "cde & f", nil, "G"], &random))
            }
        case 20..<25: return .customerWrites
        case 25..<45: return .there(index, drawnObject(kind, &random))
        case 45..<70: return .call(index, pick(TwoWayWorld.Fate.allCases + [.acknowledged, .acknowledged], &random))
        case 70..<74: return .refusal(index, pick(kind.fields.filter(\.isWritable).map(\.name), &random))
        case 74..<92: return .read(index)
        default: return .readLagging(index)
        }
    }

    private func drawnObject(_ kind: TwoWayKind, _ random: inout SeededGenerator) -> Fields {
        var fields: Fields = [:]
        let words = kind.lens.inbound.cells.keys.sorted() + (kind.name == "helpdesk" ? [] : ["on-hold"])
        if Int.random(in: 0..<10, using: &random) < 7 { fields["word"] = .string(pick(words, &random)) }
        let people = kind.seats.values.sorted { $0.text < $1.text }
        if !people.isEmpty, Int.random(in: 0..<10, using: &random) < 4 {
            fields["user"] = pick(people + [kind.name == "voicebot" ? 99 : "c_zoe", .null], &random)
        }
        if kind.name != "voicebot", Int.random(in: 0..<10, using: &random) < 3 {
            fields["title"] = .nullable(pick(["T & t", "uuu", nil], &random))
        }
        return fields
    }

    private func pick<Element>(_ elements: [Element], _ random: inout SeededGenerator) -> Element {
        guard let element = elements.randomElement(using: &random) else { preconditionFailure("there is always something to choose from") }
        return element
    }
}
