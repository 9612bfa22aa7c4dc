/// A JSON value in a body or response of a remote system.
///
/// The sandbox has its own JSON type, reader and writer on purpose: a simulator that shared them with the daemon would share its errors, and would
/// not detect output that only the daemon can read.
package enum SandboxJSON: Sendable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([SandboxJSON])
    case object([String: SandboxJSON])

    /// The text of a string value.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The value of a JSON integer (not of `1.5`, not of `"1"`).
    package var integer: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The value of any JSON number.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var boolean: Bool? {
        guard case .boolean(let value) = self else { return nil }
        return value
    }

    package var array: [SandboxJSON]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var object: [String: SandboxJSON]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    package var isNull: Bool { self == .null }

    /// The strings of an array in which every element is one.
    package var strings: [String]? {
        guard case .array(let elements) = self else { return nil }
        var texts: [String] = []
        texts.reserveCapacity(elements.count)
        for element in elements {
            guard case .string(let text) = element else { return nil }
            texts.append(text)
        }
        return texts
    }

    /// A member of an object; nil for a missing member and for a value that is not an object.
    package subscript(_ key: String) -> SandboxJSON? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    /// An element of an array; nil if there is none at that position.
    package subscript(_ position: Int) -> SandboxJSON? {
        guard case .array(let elements) = self, elements.indices.contains(position) else { return nil }
        return elements[position]
    }

    /// The name of the JSON type, for messages.
    var typeName: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// A string, or `null` for nil.
    package static func optional(_ text: String?) -> SandboxJSON {
        text.map(SandboxJSON.string) ?? .null
    }

    /// An integer, or `null` for nil.
    package static func optional(_ value: Int?) -> SandboxJSON {
        value.map(SandboxJSON.integer) ?? .null
    }
}

extension SandboxJSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(nilLiteral: ()) { self = .null }
    package init(arrayLiteral elements: SandboxJSON...) { self = .array(elements) }

    package init(dictionaryLiteral elements: (String, SandboxJSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

extension SandboxJSON {
    /// Replaces the member at a path of names, if every value on the path is an object.
    mutating func replace(_ path: [String], with value: SandboxJSON) {
        guard let name = path.first else {
            self = value
            return
        }
        guard case .object(var members) = self, var member = members[name] else { return }
        member.replace(Array(path.dropFirst()), with: value)
        members[name] = member
        self = .object(members)
    }

    /// Removes the member at a path of names, if every value on the path is an object.
    mutating func remove(_ path: [String]) {
        guard let name = path.first, case .object(var members) = self else { return }
        if path.count == 1 {
            members[name] = nil
        } else if var member = members[name] {
            member.remove(Array(path.dropFirst()))
            members[name] = member
        }
        self = .object(members)
    }
}
