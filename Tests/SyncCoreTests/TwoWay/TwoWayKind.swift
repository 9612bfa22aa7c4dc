import SyncCore

/// A kind of remote as the rule sees it: what it shows, what can be written, what its status values mean, and who has an account there.
struct TwoWayKind: Sendable {
    var name: String
    /// Whether the remote says when it last changed.
    var isDated = false
    var fields: [TwoWayRules.Field]
    var lens: StatusLens
    var seats: [String: JSONValue] = [:]
    /// A conversation without a title makes no statement about the title.
    var saysNoTitle = false

    static let ai = "agent_fin"
    static let unknown = "agent_unknown"

    static let named = Dictionary(uniqueKeysWithValues: [voicebot, vg, helpdesk].map { ($0.name, $0) })

    static let voicebot = TwoWayKind(
        name: "voicebot", fields: [.init("word", .status), .init("user", .user)],
        lens: StatusLens(
            outbound: StatusMap { .word($0.status.isFinished ? "done" : $0.owner == .none ? "to-do" : "in-progress") },
            inbound: InboundMap([
                "to-do": .state(.open, .named), "in-progress": .state(.open, .assignee), "done": .state(.closed, .assignee),
            ])), seats: ["anna": 77, "bert": 78])

    static let vg = TwoWayKind(
        name: "vg", isDated: true,
        fields: [.init("word", .status), .init("user", .user, isWritable: false), .init("title", .title)],
        lens: StatusLens(
            outbound: StatusMap(neverOver: ["ai-chatting": ["human-chatting", "requested_chat"]]) { state in
                if state.status.isFinished { return .word("ended_chat") }
                return .word(state.owner == .ai ? "ai-chatting" : state.owner == .none ? "requested_chat" : "human-chatting")
            },
            inbound: InboundMap([
                "ai-chatting": .state(.open, .ai), "requested_chat": .state(.open, .named), "human-chatting": .state(.open, .human),
                "ended_chat": .state(.ended, .assignee), "completed": .state(.ended, .assignee),
            ])), seats: ["anna": "c_anna", "bert": "c_bert"], saysNoTitle: true)

    static let helpdesk = TwoWayKind(
        name: "helpdesk", isDated: true, fields: [.init("word", .status), .init("assignee", .assignee), .init("title", .title)],
        lens: StatusLens(
            outbound: StatusMap { .word($0.status.rawValue) },
            inbound: InboundMap(Dictionary(uniqueKeysWithValues: LocalStatus.allCases.map { ($0.rawValue, .state($0, .assignee)) }))))

    func rules(_ policy: AdoptionPolicy = TwoWayKind.policy) -> TwoWayRules {
        let (lens, seats, saysNoTitle) = (lens, seats, saysNoTitle)
        return TwoWayRules(
            fields: fields, lens: lens, policy: policy, seats: .init(JSONObject(seats)), aiAssignees: [TwoWayKind.ai],
            aiAssignee: TwoWayKind.ai, unknownAssignee: TwoWayKind.unknown, lag: .seconds(6)
        ) { values in
            var image: Fields = [:]
            let owner = Owner(assigneeID: values.assigneeID, ai: [TwoWayKind.ai])
            if case .word(let word) = lens.outbound[LocalState(values.status, owner)] { image["word"] = .string(word) }
            image["user"] = values.assigneeID.flatMap { seats[$0] } ?? .null
            image["assignee"] = .nullable(values.assigneeID)
            if !saysNoTitle || values.title != nil { image["title"] = .nullable(values.title) }
            return image
        }
    }

    /// Everything is adopted, the later change wins, a message reopens.
    static let policy = AdoptionPolicy(fields: [.status, .title], conflict: .newest, reopening: .message)
}
