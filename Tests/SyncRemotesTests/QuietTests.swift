import Fixtures
import SyncCore
import SyncRemotes
import Testing

/// Over random conversations: acknowledged values are not sent again.
///
/// A failing case prints its kind and seed; pin it with the test at the end.
@Suite struct QuietTests {
    static let stateKinds = Kinds.all.filter { !$0.receivesMessages }

    @Test(arguments: stateKinds, Array(UInt64(1)...40))
    func `nothing is sent after everything was acknowledged`(_ kind: Kind, _ seed: UInt64) {
        var world = RandomWorld(kind: kind, seed: seed)
        for step in 0..<50 {
            let comment: Comment = "kind \(kind.name), seed \(seed), step \(step)"
            let conversation = world.conversation()
            // A guard may hold a status value back while another one is in doubt: then the second call sends it.
            for _ in 0..<2 {
                guard let sent = world.plan(conversation) else { break }
                #expect(!sent.isEmpty, comment)
                world.acknowledge(sent, conversation)
            }
            guard world.plan(conversation) == nil else {
                Issue.record("sent again after it was acknowledged: \(comment)")
                return
            }
            world.disturb(conversation)
        }
    }

    /// A receiver that replaces fields (vg: merges tags) holds the values of the local rows in the end.
    @Test(arguments: stateKinds, Array(UInt64(201)...220))
    func `a receiver that applies every call holds the recorded and the wanted values`(_ kind: Kind, _ seed: UInt64) {
        var world = RandomWorld(kind: kind, seed: seed)
        var receiver: Fields = [:]
        for _ in 0..<50 {
            let conversation = world.conversation()
            if let sent = world.plan(conversation) {
                receiver = world.receive(sent, into: receiver)
                world.acknowledge(sent, conversation)
            }
            for (field, value) in receiver { #expect(world.record[field].held == .value(value), "\(kind.name) \(field), seed \(seed)") }
            for (field, value) in world.wanted(conversation) where !world.mayDiffer(field) {
                if kind == .vg, field == "tags" {
                    #expect(Set(value.arrayValue ?? []).isSubset(of: receiver[field]?.arrayValue ?? []), "seed \(seed)")
                } else {
                    #expect(receiver[field] ?? .null == value, "\(kind.name) \(field), seed \(seed)")
                }
            }
        }
    }
}

/// One link with its record, and a stream of random conversations for it.
private struct RandomWorld {
    let adapter: any Adapter
    private(set) var record = LinkRecord()
    private var seat: String?
    private var number = LocalRow.firstNumber
    private var random: SeededGenerator

    init(kind: Kind, seed: UInt64) {
        var profile = Profile(name: "remote", kind: kind, aiAssignees: ["agent_fin"])
        if kind == .vg { profile.map("leadScore", to: "attributes.score") }
        adapter = kind.adapter(profile)
        random = SeededGenerator(seed: seed)
    }

    mutating func conversation() -> Conversation {
        let assignee = random.pick(nil, "agent_fin", "agent_jane", "agent_max")
        seat = assignee == "agent_jane" ? random.pick("7", "8", "x") : nil
        number += 1
        return Conversation(
            id: "c1", title: random.pick(nil, "", "A", "B"), tags: tags(), attributes: attributes(),
            status: random.pick(.open, .open, .resolved, .closed, .ended), assigneeID: assignee,
            lastUserReadAt: random.pick(nil, "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"), user: user())
    }

    private mutating func tags() -> [String]? {
        if random.chance(15) { return nil }
        let count = Int.random(in: 0...3, using: &random)
        return (0..<count).map { _ in random.pick("a", "b", "c", "d") }
    }

    private mutating func attributes() -> JSONObject? {
        random.pick(nil, [:], ["score": 1], ["score": 2, "x": .null], ["score": "high"])
    }

    private mutating func user() -> User? {
        if random.chance(15) { return nil }
        return User(
            id: random.pick("u1", "u2"), name: random.pick(nil, "Jane", "Max"), email: random.pick(nil, "a@example.com"),
            userType: random.pick("end_user", nil), attributes: attributes())
    }

    private func snapshot(_ conversation: Conversation) -> LinkSnapshot {
        var snapshot = LinkSnapshot(conversation, seat: seat)
        snapshot.record = record
        snapshot.local.numbers = .init(repeating: number)
        return snapshot
    }

    func wanted(_ conversation: Conversation) -> Fields {
        let id = seat.map { adapter.assigneeValue($0) }
        return adapter.project(conversation, seats: .init(conversation.assigneeID, id)).fields
    }

    /// Whether somebody was assigned at the remote who is not ours to remove, or a guard holds a status value back.
    func mayDiffer(_ field: String) -> Bool { record[field].note == .notOurs || record[field].note == .guard }

    /// The fields that are due; nil where none are.
    mutating func plan(_ conversation: Conversation) -> Fields? {
        let plan = adapter.plan(snapshot(conversation))
        record = plan.outcome.record
        guard case .send(let planned) = plan.decision else { return nil }
        return planned.delta?.fields
    }

    mutating func acknowledge(_ sent: Fields, _ conversation: Conversation) {
        record =
            adapter.acknowledge(sent, nil, began: LinkSnapshot.moment, numbers: .init(repeating: number), snapshot(conversation)).record
    }

    /// Between two runs: a call in doubt, or a report of the remote.
    mutating func disturb(_ conversation: Conversation) {
        let wanted = wanted(conversation)
        if random.chance(20) {
            let field = random.pick("status", "state", "user_id", "tags", "title", "user.id")
            if let value = wanted[field] { record.lost([field: value], of: .init(repeating: number)) }
        }
        guard adapter.profile.kind == .vg else { return }
        if random.chance(20) {
            let word: JSONValue = .string(random.pick("ai-chatting", "human-chatting", "requested_chat", "ended_chat"))
            record.lost(["state": word], of: .init(repeating: number))
        }
        if random.chance(20) { record.fields["state"]?.held = .value(.string(random.pick("open", "snoozed"))) }
    }

    /// A remote as the documents describe it: fields are replaced, vg merges tags, another user of the helpdesk starts without values.
    func receive(_ sent: Fields, into held: Fields) -> Fields {
        var held = held
        if let id = sent["user.id"], held["user.id"] != id { held = held.filter { !$0.key.hasPrefix("user.") } }
        for (field, value) in sent {
            if adapter.profile.kind == .vg, field == "tags" {
                let before = held[field]?.arrayValue ?? []
                held[field] = .array(before + (value.arrayValue ?? []).filter { !before.contains($0) })
            } else {
                held[field] = value
            }
        }
        return held
    }
}
