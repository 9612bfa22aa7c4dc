/// An event that a remote reported, read from one webhook call. What it proves depends on the kind of remote.
package enum Notice: Equatable, Sendable {
    /// Fin reports the status of a conversation.
    /// - key: the same for a repetition of the same event. at: the remote's timestamp.
    case status(conversationID: String, word: String, at: Instant, key: String)
    /// Fin wrote something. `id` is unique among the messages of its conversation.
    case message(conversationID: String, id: String, body: String, at: Instant, key: String)
    /// An object changed: it has to be read. `agentID` only where the remote has agents.
    case changed(remoteID: String, agentID: String?)
    /// An unknown object changed: the list has to be read.
    case somethingChanged
}

/// An object of a remote that has to be read.
package struct ReadRequest: Hashable, Sendable {
    package var remoteID: String
    package var agentID: String?

    package init(remoteID: String, agentID: String? = nil) {
        self.remoteID = remoteID
        self.agentID = agentID
    }

    package static func == (left: ReadRequest, right: ReadRequest) -> Bool {
        left.remoteID.hasSameBytes(as: right.remoteID) && left.agentID.hasSameBytes(as: right.agentID)
    }
}
