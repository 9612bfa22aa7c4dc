/// Remote fields with their values, by the remote's own field names; members of a nested object carry a dotted path (`user.name`).
///
/// A missing key is no statement, `.null` is a statement: "this field is empty".
package typealias Fields = JSONObject

/// What a conversation looks like at one remote, and what could not be said there.
package struct Projection: Equatable, Sendable {
    package var fields: Fields
    package var omissions: [Omission]

    package init(fields: Fields, omissions: [Omission] = []) {
        self.fields = fields
        self.omissions = omissions
    }

    /// Adds a field, or leaves it out for a reason. A value of nil makes no statement.
    package mutating func add(_ field: String, unless problem: String?, _ value: JSONValue?) {
        if let problem {
            omissions.append(Omission(field: field, reason: problem))
        } else {
            fields[field] = value
        }
    }
}

/// A field that was left out of a projection although the local row has something to say about it.
package struct Omission: Equatable, Sendable {
    package var field: String
    package var reason: String

    package init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }
}

/// What is known about the other side of a link when a conversation is projected.
package struct RemoteKnowledge: Equatable, Sendable {
    /// Per field the last value that the remote acknowledged.
    package var base: Fields
    /// Fields whose base is in doubt: a call that carried them was sent and nobody knows what became of it.
    package var inDoubt: Set<String>
    /// What the calls in doubt carried, as far as it is known.
    package var attempted: Fields
    /// Per field the last value that the remote itself reported.
    package var seen: Fields
    /// The id of the conversation's assignee at this remote, from the table `assignees`.
    package var remoteAssigneeID: String?

    package init(
        base: Fields = [:], inDoubt: Set<String> = [], attempted: Fields = [:], seen: Fields = [:], remoteAssigneeID: String? = nil
    ) {
        self.base = base
        self.inDoubt = inDoubt
        self.attempted = attempted
        self.seen = seen
        self.remoteAssigneeID = remoteAssigneeID
    }
}

/// Field by field what a remote does not know yet.
package struct Delta: Equatable, Sendable {
    package var fields: Fields

    package init(fields: Fields) {
        self.fields = fields
    }

    /// The wanted fields whose value differs from the base, or whose base is in doubt.
    ///
    /// A field that is wanted no more (missing from `wanted`) is never part of the delta: absence is no statement.
    package init(wanted: Fields, base: Fields, inDoubt: Set<String> = []) {
        fields = wanted.filter { name, value in base[name] != value || inDoubt.contains(name) }
    }

    package var isEmpty: Bool { fields.isEmpty }
}
