/// One JSON value (RFC 8259 section 3).
///
/// `null` is a value of its own; "absent" is a missing key of the surrounding ``JSONObject``. The two are always distinguished: `null`
/// makes a remote clear a field, an absent field makes no statement.
///
/// Numbers are kept as stored in the local row: whole numbers that fit as `Int64`, everything else as its original text, so that `0.10`,
/// `1e200` or a 45-digit customer number is sent as it was stored.
///
/// Equality is by content: numbers by value, strings and member names by their UTF-8 bytes. To a remote, `é` in another normalization is a
/// different value.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Every number that is not an ``integer(_:)``: with a fraction or an exponent, out of its range, or `-0`.
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue: Hashable {
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.integer(let integer), .number(let number)), (.number(let number), .integer(let integer)): number.integerValue == integer
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let bool): hasher.combine(bool)
        case .integer(let integer): hasher.combine(integer)
        // Equal to an integer: the same hash.
        case .number(let number): if let integer = number.integerValue { hasher.combine(integer) } else { hasher.combine(number) }
        case .string(let string): hasher.combine(string)
        case .array(let array): hasher.combine(array)
        case .object(let object): hasher.combine(object)
        }
    }
}

extension JSONValue {
    /// The deepest nesting in a text from outside: a column of the application's tables, a response, a webhook call.
    package static let maximumDepth = 256
    /// Texts that we write contain such values a few levels deeper (`{"attributes": {"from": …, "to": …}}`), and have to be readable again.
    private static let maximumStoredDepth = maximumDepth + 16

    /// Parses a JSON text.
    /// - Throws: ``JSONTextError`` when the text is not JSON, or nested deeper than ``maximumDepth``.
    package init(text: String) throws(JSONTextError) {
        try self.init(text: text, maximumDepth: JSONValue.maximumDepth)
    }

    /// Parses a JSON text that we wrote.
    /// - Throws: ``JSONTextError`` when the text is not JSON.
    package init(stored text: String) throws(JSONTextError) {
        try self.init(text: text, maximumDepth: JSONValue.maximumStoredDepth)
    }

    private init(text: String, maximumDepth: Int) throws(JSONTextError) {
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(JSONTextError) in try JSONReader.read(bytes, maximumDepth: maximumDepth) }
        }
        self = try result.get()
    }

    /// Parses UTF-8 encoded JSON.
    /// - Throws: ``JSONTextError`` when the bytes are not JSON, or nested deeper than ``maximumDepth``.
    package init(bytes: some Collection<UInt8>) throws(JSONTextError) {
        let result = Array(bytes).withUnsafeBufferPointer { bytes in
            Result { () throws(JSONTextError) in try JSONReader.read(bytes, maximumDepth: JSONValue.maximumDepth) }
        }
        self = try result.get()
    }

    /// The value as JSON text with sorted member names, so that values that are written alike have equal texts.
    package var text: String { JSONWriter.text(of: self, isPrintable: false) }

    /// ``text`` for a terminal or a log line: the characters of ``Unicode/Scalar/controlsDisplay`` are escaped, which is equivalent in
    /// JSON.
    package var printableText: String { JSONWriter.text(of: self, isPrintable: true) }

    package var stringValue: String? {
        if case .string(let string) = self { return string }
        return nil
    }

    /// A whole number that fits, in whatever form it is written.
    package var integerValue: Int64? {
        switch self {
        case .integer(let integer): integer
        case .number(let number): number.integerValue
        default: nil
        }
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

    /// The member with that name, or nil if this is not an object or has no such member. `null` members are returned as `.null`.
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
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// Why a text cannot be read as JSON. Contains no part of the text, which may be personal.
package enum JSONTextError: Error, Equatable {
    /// It is not JSON.
    /// - at: how many bytes of the text precede the first one that cannot follow them; the length of a text that ends too early.
    case invalid(at: Int)
    /// It is nested deeper than the limit.
    /// - at: how many bytes precede the bracket of the level that is too deep.
    case tooDeep(at: Int)

    /// In bytes.
    package var offset: Int {
        switch self {
        case .invalid(let offset), .tooDeep(let offset): offset
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    // No nil literals: `condition ? value : nil` would then silently mean `.null` instead of "absent".

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(members: elements))
    }
}
