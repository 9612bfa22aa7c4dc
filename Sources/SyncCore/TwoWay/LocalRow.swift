/// The parts of the local row that a remote can show and change.
package enum LocalAttribute: String, CaseIterable, Sendable {
    case status, assignee, title
}

/// One value for each attribute.
package struct ByAttribute<Value: Sendable & Equatable>: Sendable, Equatable {
    package var status: Value
    package var assignee: Value
    package var title: Value

    package init(status: Value, assignee: Value, title: Value) {
        self.status = status
        self.assignee = assignee
        self.title = title
    }

    package init(repeating value: Value) {
        self.init(status: value, assignee: value, title: value)
    }

    package subscript(attribute: LocalAttribute) -> Value {
        get {
            switch attribute {
            case .status: status
            case .assignee: assignee
            case .title: title
            }
        }
        set {
            switch attribute {
            case .status: status = newValue
            case .assignee: assignee = newValue
            case .title: title = newValue
            }
        }
    }
}

/// The attributes of a conversation that both sides can change.
package struct LocalValues: Sendable, Equatable {
    package var status: LocalStatus
    package var assigneeID: String?
    package var title: String?
    /// Compared element by element, and never part of a conflict: ``difference(from:)`` ignores them. Nil: no statement.
    package var tags: [String]?

    package init(status: LocalStatus, assigneeID: String? = nil, title: String? = nil, tags: [String]? = nil) {
        self.status = status
        self.assigneeID = assigneeID
        self.title = title
        self.tags = tags
    }

    /// Titles and ids are compared by their bytes, as remotes compare them. Tags do not count.
    package static func == (left: LocalValues, right: LocalValues) -> Bool { left.difference(from: right).isEmpty }

    /// The attributes that differ.
    package func difference(from other: LocalValues) -> Set<LocalAttribute> {
        var difference: Set<LocalAttribute> = []
        if status != other.status { difference.insert(.status) }
        if !assigneeID.hasSameBytes(as: other.assigneeID) { difference.insert(.assignee) }
        if !title.hasSameBytes(as: other.title) { difference.insert(.title) }
        return difference
    }
}

/// The part of the local row that two-way synchronisation depends on.
package struct LocalRow: Sendable, Equatable {
    /// The number of values that the row was created with, and of all changes that are older than the numbering.
    package static let firstNumber: Int64 = 1

    package var values: LocalValues
    /// When each attribute last changed; for an adopted change the remote's date, or when it was read.
    package var changedAt: ByAttribute<Instant>
    /// The number of that change, counted per conversation.
    package var numbers: ByAttribute<Int64>
    /// When the customer last wrote, without what is dated too far ahead (``latestMessage(at:)``).
    package var customerWroteAt: Instant?

    package init(
        _ values: LocalValues, changedAt: ByAttribute<Instant>, numbers: ByAttribute<Int64>, customerWroteAt: Instant? = nil
    ) {
        self.values = values
        self.changedAt = changedAt
        self.numbers = numbers
        self.customerWroteAt = customerWroteAt
    }

    /// The row after a change; every attribute that differs gets the next number.
    func having(_ new: LocalValues, at time: Instant) -> LocalRow {
        var row = self
        row.values = new
        let next = max(numbers.status, numbers.assignee, numbers.title) + 1
        for attribute in new.difference(from: values) {
            row.changedAt[attribute] = time
            row.numbers[attribute] = next
        }
        return row
    }

    /// How far ahead of the clock a message of the customer may be dated: it has the date of the customer's device, or of another machine.
    private static let farthestMessage = Duration.minutes(5)

    /// A message of the customer that is dated after this does not count yet, as evidence for a reopening or against an end: the message before it
    /// does. Otherwise one message dated in the year 2099 would be later than every end and every local change. What is dated before this counts
    /// with its own date, so that a clock that is a few minutes ahead changes nothing.
    package static func latestMessage(at now: Instant) -> Instant { now + farthestMessage }

    /// The latest change of any attribute.
    package var lastChangedAt: Instant { max(changedAt.status, changedAt.assignee, changedAt.title) }
}

extension LocalValues {
    package init(_ conversation: Conversation) {
        self.init(
            status: conversation.status, assigneeID: conversation.assigneeID, title: conversation.title, tags: conversation.tags)
    }
}
