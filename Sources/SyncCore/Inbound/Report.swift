/// What a remote reported about one of its objects.
package struct Report: Equatable, Sendable {
    package enum Subject: Hashable, Sendable {
        /// A conversation by its local id.
        case conversation(String)
        /// An object by the remote's id: applies to every conversation that is linked to it.
        case object(ReadRequest)
    }

    package var remote: String
    package var subject: Subject
    package var observation: Observation
    /// When the read began, or when the event happened: the report cannot show anything later than this.
    package var readAt: Instant
    /// When the response to a call that carries no state arrived. Nil for other reports.
    package var respondedAt: Instant?

    package init(remote: String, subject: Subject, observation: Observation, readAt: Instant, respondedAt: Instant? = nil) {
        self.remote = remote
        self.subject = subject
        self.observation = observation
        self.readAt = readAt
        self.respondedAt = respondedAt
    }
}

/// The result of a report for one conversation.
package struct Reconciled: Equatable, Sendable {
    package var conversationID: String
    package var remote: String
    package var verdict: Verdict
    /// False for a verdict that the link already had.
    package var isNew: Bool
    /// The object that was reported, if it was a read.
    package var object: ReadRequest?

    package init(
        conversationID: String, remote: String, verdict: Verdict, isNew: Bool, object: ReadRequest? = nil
    ) {
        self.conversationID = conversationID
        self.remote = remote
        self.verdict = verdict
        self.isNew = isNew
        self.object = object
    }
}
