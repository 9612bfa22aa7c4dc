/// What the application has written to its tables, and what people have done at the remotes, in the order in which it happened.
package struct Journal: Sendable {
    /// A conversation as one transaction of the application left it.
    package struct State: Sendable, Equatable {
        package var title: String
        package var tags: [String]
        package var status: String
        package var assignee: String?

        package init(title: String, tags: [String] = [], status: String = "open", assignee: String? = nil) {
            self.title = title
            self.tags = tags
            self.status = status
            self.assignee = assignee
        }
    }

    /// A conversation's states, oldest first.
    package var states: [String: [State]] = [:]
    /// The texts of a conversation's messages by its user, oldest first. Each is unique.
    package var messages: [String: [String]] = [:]
    /// Conversations whose status and assignee people at a remote change, and the application does not: how often they did.
    package var acts: [String: Int] = [:]
    /// The local status that has to follow from what a person did last at a remote.
    package var ends: [String: String] = [:]

    /// The longest time that a transaction of the application took, with the wait for the write lock.
    package var longestTransaction = Duration.zero

    package init() {}

    package var longestMilliseconds: Int { Int(longestTransaction / .milliseconds(1)) }

    /// The number of states that the application has written.
    var changeCount: Int { states.values.reduce(0) { $0 + $1.count } }
    var messageCount: Int { messages.values.reduce(0) { $0 + $1.count } }
}
