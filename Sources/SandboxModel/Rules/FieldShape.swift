/// What a document specifies for a field of a request body.
///
/// A document becomes a constant of this type beside the remote system that follows it, and one checker reads all of them. A field that the document
/// does not name is refused wherever the document lists the fields of an object.
package indirect enum FieldShape: Sendable {
    case string
    case integer
    case number
    case boolean
    /// An ISO 8601 date-time in a string.
    case instant
    /// One of a fixed set of texts.
    case oneOf([String])
    case list(FieldShape)
    /// An array whose elements the document does not describe.
    case anyList
    /// An object whose members the document does not describe.
    case anyObject
    /// An object with exactly these members, some of which are required.
    case record([String: FieldShape], required: [String])
    /// `null`, or a value of the shape.
    case nullable(FieldShape)
    /// Any value but `null`: the document shows the field without a type.
    case anything

    /// The name of the expected type, for messages.
    var expectation: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .number: "a number"
        case .boolean: "a boolean"
        case .instant: "an ISO 8601 date-time with a time zone"
        case .oneOf(let texts): "one of \(texts.joined(separator: ", "))"
        case .list, .anyList: "an array"
        case .anyObject, .record: "an object"
        case .nullable(let shape): "\(shape.expectation) or null"
        case .anything: "a value"
        }
    }
}

/// A violation in a request, and where it is.
package struct Violation: Sendable, Equatable {
    package enum Code: String, Sendable {
        case unknownField = "unknown_field"
        case missing = "missing"
        case wrongType = "wrong_type"
        case notAllowed = "not_allowed"
    }

    package let field: String
    package let code: Code
    package let message: String
}
