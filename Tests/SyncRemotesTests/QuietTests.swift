import SeededRandom
import SyncCore
import SyncRemotes
import Testing

/// Promise 4 of the design, over random conversations: what was acknowledged is not sent again.
///
/// A failing case prints its kind and seed; pin it with the test at the end.
@Suite struct QuietTests {
    static let stateKinds = RemoteKind.allCases.filter { !$0.receivesMessages }
    private static let link = Link(remoteID: "123", agentID: "agent9")

    @Test(arguments: stateKinds, Array(UInt64(1)...40))
    func `nothing is sent after everything was acknowledged`(_ kind: RemoteKind, _ seed: UInt64) {
        var world = RandomWorld(kind: kind, seed: seed)
        for step in 0..<50 {
            let comment: Comment = "kind \(kind.rawValue), seed \(seed), step \(step)"
            let conversation = world.conversation()
            let before = world.knowledge
            let wanted = world.adapter.project(conversation, knowing: before).fields
            // A guard may hold a word back while another one is in doubt: then the second call says it.
            let hasDoubt = !before.attempted.isEmpty
            switch plan(conversation, world) {
            case .send(let planned):
                let delta = planned.delta ?? Delta(fields: [:])
                #expect(!delta.isEmpty, comment)
                for (field, value) in delta.fields { #expect(wanted[field] == value, "\(field): \(comment)") }
                for field in delta.fields.keys where kind != .helpdesk {
                    #expect(before.base[field] != delta.fields[field] || before.inDoubt.contains(field), "\(field): \(comment)")
                }
                world.acknowledge(delta)
            case .upToDate:
                break
            case .refuse(_, let refusal):
                Issue.record("\(refusal.reason): \(comment)")
            }
            if hasDoubt, case .send(let second) = plan(conversation, world), let delta = second.delta { world.acknowledge(delta) }
            guard case .upToDate = plan(conversation, world) else {
                Issue.record("sent again after it was acknowledged: \(comment)")
                return
            }
            world.disturb()
        }
    }

    @Test(arguments: stateKinds, Array(UInt64(101)...120))
    func `a wanted field that the remote lacks is never forgotten`(_ kind: RemoteKind, _ seed: UInt64) {
        var world = RandomWorld(kind: kind, seed: seed)
        for _ in 0..<50 {
            let conversation = world.conversation()
            let wanted = world.adapter.project(conversation, knowing: world.knowledge).fields
            let delta = world.adapter.delta(wanted: wanted, knowing: world.knowledge)
            for (field, value) in wanted where delta.fields[field] == nil {
                let held = world.knowledge.base[field]
                if kind == .vg, field == "tags" {
                    let lacking = Set(value.arrayValue ?? []).subtracting(held?.arrayValue ?? [])
                    #expect(lacking.isEmpty, "seed \(seed)")
                } else {
                    #expect(held == value, "\(kind.rawValue) \(field), seed \(seed)")
                }
            }
            world.acknowledge(delta)
            world.disturb()
        }
    }

    /// What a receiver that replaces fields (vg: merges tags) holds in the end is what the local rows say.
    @Test(arguments: stateKinds, Array(UInt64(201)...220))
    func `a receiver that applies every call holds what the base says`(_ kind: RemoteKind, _ seed: UInt64) {
        var world = RandomWorld(kind: kind, seed: seed)
        var receiver: Fields = [:]
        for _ in 0..<50 {
            let conversation = world.conversation()
            if case .send(let planned) = plan(conversation, world), let delta = planned.delta {
                receiver = world.receive(delta, into: receiver)
                world.acknowledge(delta)
            }
            for (field, value) in receiver { #expect(world.knowledge.base[field] == value, "\(kind.rawValue) \(field), seed \(seed)") }
        }
    }

    private func plan(_ conversation: Conversation, _ world: RandomWorld) -> PlanDecision {
        world.adapter.plan(
            LinkSnapshot(
                conversationID: conversation.id, remote: "remote", link: Self.link, conversation: conversation,
                knowledge: world.knowledge))
    }
}

/// One link with what is known about it, and a stream of random conversations for it.
private struct RandomWorld {
    let adapter: any RemoteAdapter
    var knowledge = RemoteKnowledge()
    private var random: SeededGenerator

    init(kind: RemoteKind, seed: UInt64) {
        var profile = RemoteProfile(name: "remote", kind: kind, aiAssignees: ["agent_fin"])
        if kind == .vg { profile.fieldMap["leadScore"] = LocalSource("attributes.score") }
        adapter = kind.adapter(profile)
        random = SeededGenerator(seed: seed)
    }

    mutating func conversation() -> Conversation {
        let assignee = random.pick(nil, "agent_fin", "agent_jane", "agent_max")
        knowledge.remoteAssigneeID = assignee == "agent_jane" ? random.pick("7", "8", "x") : nil
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

    mutating func acknowledge(_ delta: Delta) {
        knowledge.base = adapter.base(knowledge.base, acknowledging: delta)
        knowledge.inDoubt.subtract(delta.fields.keys)
        knowledge.attempted = knowledge.attempted.filter { delta.fields[$0.key] == nil }
    }

    /// Between two runs: a call of unknown fate, a report of the remote.
    mutating func disturb() {
        if random.chance(20) { knowledge.inDoubt.insert(random.pick("status", "state", "user_id", "tags", "title", "user.id")) }
        if random.chance(20), adapter.profile.kind == .vg {
            knowledge.inDoubt.insert("state")
            knowledge.attempted["state"] = .string(random.pick("ai-chatting", "human-chatting", "requested_chat", "ended_chat"))
        }
        if random.chance(20), adapter.profile.kind == .vg {
            knowledge.seen["state"] = .string(random.pick("ai-chatting", "human-chatting", "completed", "open"))
        }
    }

    /// A remote as the documents describe it: fields are replaced, vg merges tags, another user of the helpdesk starts from nothing.
    func receive(_ delta: Delta, into held: Fields) -> Fields {
        var held = held
        if let id = delta.fields["user.id"], held["user.id"] != id { held = held.filter { !$0.key.hasPrefix("user.") } }
        for (field, value) in delta.fields {
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
