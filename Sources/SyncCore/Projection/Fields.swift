/// Remote fields with their values, by the remote's own field names; members of a nested object carry a dotted path (`user.name`).
///
/// A missing key makes no statement; `.null` is a statement: "this field is empty".
package typealias Fields = JSONObject

/// The fields of a conversation as one remote should have them, and the fields that were left out.
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

/// A field that was left out of a projection although the local row has a value for it.
package struct Omission: Equatable, Sendable {
    package var field: String
    package var reason: String

    package init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }
}

/// The fields that a remote does not have yet, with their values.
package struct Delta: Equatable, Sendable {
    package var fields: Fields

    package init(fields: Fields) {
        self.fields = fields
    }

    package var isEmpty: Bool { fields.isEmpty }
}
