import SyncCore

extension Remote {
    /// The remote as the store's queries use it.
    package var participation: RemoteParticipation {
        var participation = RemoteParticipation(name: name, kind: kind, isEnabled: isEnabled)
        participation.defaultAgent = adapter.defaultAgent
        participation.fingerprint = adapter.fingerprint
        participation.userField = adapter.assigneeField
        participation.ownAssignees = [profile.unknownAssignee, profile.aiAssignee].compactMap { $0 }
        participation.isRead = poll != nil || webhook != nil
        return participation
    }
}

extension RemoteParticipation {
    /// Derives the columns that depend on the kind alone.
    package init(name: String, kind: Kind, isEnabled: Bool) {
        self.init(
            name: name, kind: kind.name, needsLink: kind.needsLink, isPushedAtEndOfRun: kind.isPushedAtEndOfRun,
            receivesMessages: kind.receivesMessages, isEnabled: isEnabled, defaultAgent: nil, fingerprint: "", isRead: false,
            isReadable: isEnabled && kind.isReadable)
    }

    /// Whether the states of conversations are planned for it.
    var takesStates: Bool { isEnabled && !receivesMessages }
}
