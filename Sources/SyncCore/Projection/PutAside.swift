/// A feed entry that cannot be planned, and why.
package struct PutAside: Sendable, Equatable {
    package var conversationID: String
    /// Nil for the state of a conversation.
    package var messageID: String?
    /// Nil for all remotes concerned.
    package var remote: String?
    /// One line for people.
    package var problem: String
    /// How long its change has waited: the time since when.
    package var since: String?

    package init(
        conversationID: String, messageID: String? = nil, remote: String? = nil, problem: String, since: String? = nil
    ) {
        self.conversationID = conversationID
        self.messageID = messageID
        self.remote = remote
        self.problem = problem
        self.since = since
    }
}
