import SyncCore

extension NamedLens {
    /// The status map of a configured remote, for the laws.
    package init(_ profile: RemoteProfile) {
        self.init(
            name: profile.name, lens: profile.lens, policy: profile.adoption, spellings: profile.kind.spellings,
            isToldUser: profile.isToldUser)
    }
}

extension RemoteProfile {
    /// Whether calls say who answers: voicebot's do, vg's where `chatAssignedTo` is mapped.
    fileprivate var isToldUser: Bool { kind == .voicebot || fieldMap["chatAssignedTo"]?.text == "assignee_id" }
}

extension RemoteKind {
    /// Words that a remote may show for one another: vg's example sends `completed`, its schema lists `ended_chat`.
    var spellings: [Set<String>] { self == .vg ? [["completed", "ended_chat"]] : [] }
}
