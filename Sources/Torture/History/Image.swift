import SandboxModel

/// What a call says about a conversation: the fields that it carries.
struct Image {
    private let remote: String
    private let fields: [String: SandboxJSON]

    /// - Returns: nil if the body is not a JSON object.
    init?(_ call: Call) {
        guard let body = try? SandboxJSON(text: call.body), let fields = (body["conversation"] ?? body).object else { return nil }
        remote = call.remote
        self.fields = fields
    }

    /// Whether the call can have been made from a state.
    /// - Parameter textsOnly: whether others than the application may have changed status and assignee.
    func shows(_ state: Journal.State, textsOnly: Bool) -> Bool {
        func has(_ name: String, _ wanted: SandboxJSON) -> Bool { fields[name].map { $0 == wanted } ?? true }
        guard has("title", .string(state.title)), has("tags", .array(state.tags.map(SandboxJSON.string))) else { return false }
        if textsOnly { return true }
        switch remote {
        case "voicebot":
            let user = state.assignee.flatMap(Teammate.number(of:)).map(SandboxJSON.integer) ?? .null
            return has("status", .string(Truth.voicebotWord(state.status, assignee: state.assignee))) && has("user_id", user)
        case "vg": return has("state", .string(Truth.vgWord(state.status, assignee: state.assignee)))
        default: return has("status", .string(state.status)) && has("assignee_id", state.assignee.map(SandboxJSON.string) ?? .null)
        }
    }
}

/// Whoever a conversation is assigned to: voicebot knows `teammate 7` as the user 7.
enum Teammate {
    /// Who picks up conversations at voicebot.
    static let atVoicebot = 900_000

    static func name(_ number: Int) -> String { "teammate \(number)" }

    static func number(of name: String) -> Int? {
        name.hasPrefix("teammate ") ? Int(name.dropFirst(9)) : nil
    }
}
