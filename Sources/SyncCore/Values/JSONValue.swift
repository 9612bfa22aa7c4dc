import FoundationEssentials

/// A JSON object: member names with their values. Order carries no meaning (RFC 8259 section 4).
package typealias JSONObject = [String: JSONValue]

/// One JSON value (RFC 8259 section 3).
///
/// `null` is a value of its own; "absent" is a missing key of the surrounding ``JSONObject``. The two are never mixed up:
/// `null` tells a remote to clear a field, absence says nothing about it.
///
/// Numbers keep what the local row says: integers as `Int64`, everything else as `Decimal` (38 significant digits), so that
/// `0.1` or a 17-digit customer number is sent as it was stored.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case decimal(Decimal)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    /// Parses a JSON text.
    /// - Throws: ``JSONTextError`` when the text is no JSON.
    package init(text: String) throws(JSONTextError) {
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(JSONTextError) in try JSONReader.read(bytes) }
        }
        self = try result.get()
    }

    /// Parses UTF-8 encoded JSON.
    /// - Throws: ``JSONTextError`` when the bytes are no JSON.
    package init(bytes: some Collection<UInt8>) throws(JSONTextError) {
        let result = Array(bytes).withUnsafeBufferPointer { bytes in
            Result { () throws(JSONTextError) in try JSONReader.read(bytes) }
        }
        self = try result.get()
    }

    /// The value as JSON text with sorted member names: equal values have equal texts.
    package var text: String {
        var text = ""
        JSONWriter.write(self, to: &text)
        return text
    }

    package var stringValue: String? {
        if case .string(let string) = self { return string }
        return nil
    }

    package var integerValue: Int64? {
        if case .integer(let integer) = self { return integer }
        return nil
    }

    package var boolValue: Bool? {
        if case .bool(let bool) = self { return bool }
        return nil
    }

    package var arrayValue: [JSONValue]? {
        if case .array(let array) = self { return array }
        return nil
    }

    package var objectValue: JSONObject? {
        if case .object(let object) = self { return object }
        return nil
    }

    /// The member of that name, or nil where this is no object or has no such member. `null` members are returned as `.null`.
    package subscript(_ member: String) -> JSONValue? { objectValue?[member] }

    /// `.string` for a value, `.null` for nil: for columns in which NULL is a statement.
    package static func nullable(_ string: String?) -> JSONValue {
        string.map(JSONValue.string) ?? .null
    }

    /// The JSON type's name as RFC 8259 spells it, for error messages.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .decimal: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// A text that was expected to be JSON is none. Carries no part of the text: it may be personal.
package struct JSONTextError: Error, Equatable {
    package init() {}
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    // Not by nil: `condition ? value : nil` would then quietly mean `.null` instead of "absent".

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements, uniquingKeysWith: { _, last in last }))
    }
}
