/// An object of a remote that several conversations link to.
///
/// It cannot be determined whose state the object should hold, and which conversation its reports are about: none of the links is planned,
/// sent or reconciled until only one is left.
package struct SharedObject: Hashable, Sendable {
    package var remote: String
    package var remoteID: String
    /// The effective agent; nil if there is none.
    package var agentID: String?
    /// At least two, in order.
    package var conversations: [String]

    package init(remote: String, remoteID: String, agentID: String?, conversations: [String]) {
        self.remote = remote
        self.remoteID = remoteID
        self.agentID = agentID
        self.conversations = conversations
    }

    package static func == (left: SharedObject, right: SharedObject) -> Bool { left.key == right.key }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// For people.
    package var text: String {
        let agent = agentID.map { " of agent \($0)" } ?? ""
        return "\(conversations.joined(separator: " and ")) link to one object of \(remote), \(remoteID)\(agent): nothing is sent for them "
            + "or adopted until one row in links is left"
    }

    /// Texts are equal if their bytes are.
    private var key: [ExactText?] { ([remote, remoteID, agentID] + conversations).map { $0.map(ExactText.init) } }
}
