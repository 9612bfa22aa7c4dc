import SyncCore
import SyncStore

extension Remote {
    /// As the store's queries see it.
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

extension UnreadRemote {
    /// Enough to find its links and rows; not enough to plan anything.
    package var participation: RemoteParticipation? { kind.map { RemoteParticipation(name: name, kind: $0, isEnabled: isEnabled) } }
}

extension RemoteParticipation {
    /// What follows from the kind alone.
    fileprivate init(name: String, kind: Kind, isEnabled: Bool) {
        self.init(
            name: name, kind: kind.name, needsLink: kind.needsLink, isPushedAtEndOfRun: kind.isPushedAtEndOfRun,
            receivesMessages: kind.receivesMessages, isEnabled: isEnabled, defaultAgent: nil, fingerprint: "", isRead: false)
    }
}
