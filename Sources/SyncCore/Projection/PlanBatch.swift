/// The result of one batch of planning.
package struct PlanBatch: Sendable, Equatable {
    package struct Refused: Sendable, Equatable {
        package var outboxID: Int64
        package var conversationID: String
        package var remote: String
        package var reason: String

        package init(outboxID: Int64, conversationID: String, remote: String, reason: String) {
            self.outboxID = outboxID
            self.conversationID = conversationID
            self.remote = remote
            self.reason = reason
        }
    }

    package struct Superseded: Sendable, Equatable {
        package var outboxID: Int64
        package var conversationID: String
        package var remote: String
        package var supersededBy: Int64

        package init(outboxID: Int64, conversationID: String, remote: String, supersededBy: Int64) {
            self.outboxID = outboxID
            self.conversationID = conversationID
            self.remote = remote
            self.supersededBy = supersededBy
        }
    }

    package struct OmittedField: Sendable, Equatable {
        package var conversationID: String
        package var remote: String
        package var omission: Omission

        package init(conversationID: String, remote: String, omission: Omission) {
            self.conversationID = conversationID
            self.remote = remote
            self.omission = omission
        }
    }

    /// Entries of the feed that were examined; 0 means that nothing is left.
    package var examined = 0
    /// The number of these entries that were removed from the feed. If it is 0 for a batch that examined some, planning makes no progress
    /// and must not continue.
    package var takenOff = 0
    /// Entries that were put aside because their key is not usable.
    package var unreadable: [UnreadableKey] = []
    /// Entries that could not be planned and are put aside.
    package var putAside: [PutAside] = []
    /// Remotes that another process plans with another configuration; reported only when first detected.
    package var foreignRemotes: [String] = []
    package var planned = 0
    package var superseded: [Superseded] = []
    package var refused: [Refused] = []
    package var omissions: [OmittedField] = []
    /// Rows that are held because the remote has undone their changes too often.
    package var heldBack: [Refused] = []
    /// Remote values that were adopted because they can now be understood, or may now be adopted.
    package var adopted: [Reconciled] = []
    /// Rows among the planned ones that were written as held.
    package var held = 0
    /// The number of conversations that the planned rows affect (see ``Brake``); ``Brake/Reaches/any`` is not counted.
    package var reach = Brake.Reaches()
    /// The number of examined entries that are about the state of conversations: the brake counts these.
    package var examinedStates = 0

    package init() {}
}

/// Why rows are written as held.
package struct Hold: Sendable, Equatable {
    package var holder: Holder
    /// For `outbox.last_error`.
    package var reason: String

    package init(_ holder: Holder, reason: String) {
        self.holder = holder
        self.reason = reason
    }
}
