/// A remote as far as the store's queries depend on it.
package struct RemoteParticipation: Sendable, Equatable {
    package var name: String
    package var kind: String
    package var needsLink: Bool
    package var isPushedAtEndOfRun: Bool
    package var receivesMessages: Bool
    package var isEnabled: Bool
    /// The agent of links that name none.
    package var defaultAgent: String?
    package var fingerprint: String
    /// The field in which the remote names who answers.
    package var userField: String?
    /// Whom the program itself assigns: the AI, and "somebody over there".
    package var ownAssignees: [String]
    /// Whether it is read at all: by polls, or because it calls here.
    package var isRead: Bool

    package init(
        name: String, kind: String, needsLink: Bool, isPushedAtEndOfRun: Bool, receivesMessages: Bool, isEnabled: Bool,
        defaultAgent: String?, fingerprint: String, userField: String? = nil, ownAssignees: [String] = [], isRead: Bool = true
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
    }
}
