/// The result of processing the inbox.
package struct InboxResult: Equatable, Sendable {
    package var reconciled: [Reconciled] = []
    package var collisions: [MessageCollision] = []
    package var dropped: [DroppedEvents] = []

    package init(reconciled: [Reconciled] = [], collisions: [MessageCollision] = [], dropped: [DroppedEvents] = []) {
        self.reconciled = reconciled
        self.collisions = collisions
        self.dropped = dropped
    }

    package mutating func add(_ other: InboxResult) {
        reconciled += other.reconciled
        collisions += other.collisions
        for dropped in other.dropped {
            let index = self.dropped.firstIndex { $0.remote == dropped.remote && $0.reason == dropped.reason }
            if let index { self.dropped[index].count += dropped.count } else { self.dropped.append(dropped) }
        }
    }
}

/// A message whose id another message of the same conversation already has: the first text is kept.
package struct MessageCollision: Equatable, Sendable {
    package var remote: String
    package var conversationID: String
    /// The id of the row in `messages`.
    package var messageID: String

    package init(
        remote: String, conversationID: String, messageID: String
    ) {
        self.remote = remote
        self.conversationID = conversationID
        self.messageID = messageID
    }
}

/// Events that waited for a conversation which was never created.
package struct DroppedEvents: Equatable, Sendable {
    package enum Reason: String, Sendable {
        /// They waited for longer than ``WaitingLimits/age``.
        case age
        /// More than ``WaitingLimits/count`` waited; these were the oldest.
        case number
    }

    package var remote: String
    package var reason: Reason
    package var count: Int

    package init(
        remote: String, reason: Reason, count: Int
    ) {
        self.remote = remote
        self.reason = reason
        self.count = count
    }
}
