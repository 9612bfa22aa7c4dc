/// A conversation as VoiceGlow / Convocore holds it.
///
/// The fields that every conversation has are properties, the others are kept as they were sent, so that a million conversations fit into the memory
/// of a test machine.
struct VGConversation: Sendable, Equatable {
    let id: String
    let agent: String
    var state = "ai-chatting"
    var tags: [String] = []
    /// Unix seconds, as in all examples of the vendor (docs/remotes/vg.md).
    var startedAt: SandboxJSON
    var lastModified: Int
    private(set) var fields: [String: SandboxJSON] = [:]

    init(id: String, agent: String, now: SandboxInstant) {
        self.id = id
        self.agent = agent
        self.startedAt = .integer(now.seconds)
        self.lastModified = now.seconds
    }

    /// Stores the fields of a request; returns whether anything differs afterwards.
    ///
    /// Tags are merged without duplicates (docs/remotes/vg.md, "Tags"). The system sets `lastModified` whenever a field changes ("Updates an existing
    /// conversation", last line), whatever the request contains. The id stays that of the path.
    mutating func apply(_ changes: [String: SandboxJSON], now: SandboxInstant) -> Bool {
        let before = self
        for (name, value) in changes {
            switch name {
            case "ID", "lastModified", "conversation", "agent": break
            case "state": state = value.string ?? state
            case "tags": merge(value.strings ?? [])
            case "ts": startedAt = value
            default: fields[name] = value
            }
        }
        guard self != before else { return false }
        lastModified = max(now.seconds, lastModified)
        return true
    }

    /// Changes the status as a rule of the system does. The system's clock may have advanced since the call, but not gone back.
    mutating func replaceState(with status: String, at date: SandboxInstant) {
        state = status
        lastModified = max(date.seconds, lastModified)
    }

    private mutating func merge(_ added: [String]) {
        var known = Set(tags)
        for tag in added where known.insert(tag).inserted { tags.append(tag) }
    }

    /// Conversations without a message are left out of the list (docs/remotes/vg.md).
    var isListed: Bool { fields["messagesNum"]?.number != 0 }

    /// The `data` of a response: the known values of the fields that "Updates an existing conversation" lists.
    var document: SandboxJSON {
        var members = fields
        members["ID"] = .string(id)
        if members["userID"] == nil { members["userID"] = .string(id) }
        if members["messagesNum"] == nil { members["messagesNum"] = 1 }
        members["state"] = .string(state)
        members["tags"] = .array(tags.map(SandboxJSON.string))
        members["ts"] = startedAt
        members["lastModified"] = .integer(lastModified)
        return .object(members)
    }

    var stateDocument: SandboxJSON {
        guard case .object(var members) = document else { return .null }
        members["agent"] = .string(agent)
        return .object(members)
    }
}
