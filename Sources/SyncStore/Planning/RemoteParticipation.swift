/// The properties of a remote that the store's queries depend on.
package struct RemoteParticipation: Sendable, Equatable {
    package var name: String
    package var kind: String
    package var needsLink: Bool
    package var isPushedAtEndOfRun: Bool
    package var receivesMessages: Bool
    package var isEnabled: Bool
    /// The agent of links that do not name one.
    package var defaultAgent: String?
    package var fingerprint: String
    /// The field in which the remote names the assigned user.
    package var userField: String?
    /// The users that the program itself assigns: the AI, and the placeholder for a remote user without a row in the id map.
    package var ownAssignees: [String]
    /// Whether it is read on its own account, by polling or after events that it sends.
    package var isRead: Bool
    /// Whether an object can be read from it, also if a call of ours is the only reason.
    package var isReadable: Bool

    package init(
        name: String, kind: String, needsLink: Bool, isPushedAtEndOfRun: Bool, receivesMessages: Bool, isEnabled: Bool,
        defaultAgent: String?, fingerprint: String, userField: String? = nil, ownAssignees: [String] = [], isRead: Bool = true,
        isReadable: Bool = true
    ) {
        self.name = name
        self.kind = kind
        self.needsLink = needsLink
        self.isPushedAtEndOfRun = isPushedAtEndOfRun
        self.receivesMessages = receivesMessages
        self.isEnabled = isEnabled
        self.defaultAgent = defaultAgent
        self.fingerprint = fingerprint
        self.userField = userField
        self.ownAssignees = ownAssignees
        self.isRead = isRead
        self.isReadable = isReadable
    }
}
