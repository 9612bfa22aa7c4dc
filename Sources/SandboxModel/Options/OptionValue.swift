/// A value of an option, as control calls give and show it.
package protocol OptionValue: Sendable {
    static var shape: FieldShape { get }

    /// Reads what satisfies the shape.
    init?(option: SandboxJSON)

    var optionJSON: SandboxJSON { get }
}

extension Bool: OptionValue {
    package static var shape: FieldShape { .boolean }
    package init?(option: SandboxJSON) {
        guard let value = option.boolean else { return nil }
        self = value
    }
    package var optionJSON: SandboxJSON { .boolean(self) }
}

extension Int: OptionValue {
    package static var shape: FieldShape { .integer }
    package init?(option: SandboxJSON) {
        guard let value = option.integer else { return nil }
        self = value
    }
    package var optionJSON: SandboxJSON { .integer(self) }
}

extension String: OptionValue {
    package static var shape: FieldShape { .string }
    package init?(option: SandboxJSON) {
        guard let value = option.string else { return nil }
        self = value
    }
    package var optionJSON: SandboxJSON { .string(self) }
}

extension Optional: OptionValue where Wrapped: OptionValue {
    package static var shape: FieldShape { .nullable(Wrapped.shape) }
    package init?(option: SandboxJSON) {
        guard !option.isNull else {
            self = .none
            return
        }
        guard let value = Wrapped(option: option) else { return nil }
        self = .some(value)
    }
    package var optionJSON: SandboxJSON { self?.optionJSON ?? .null }
}

extension Set<String>: OptionValue {
    package static var shape: FieldShape { .list(.string) }
    package init?(option: SandboxJSON) {
        guard let texts = option.strings else { return nil }
        self = Set(texts)
    }
    package var optionJSON: SandboxJSON { .array(sorted().map(SandboxJSON.string)) }
}

/// Members that are not strings are left out.
extension Dictionary<String, String>: OptionValue {
    package static var shape: FieldShape { .anyObject }
    package init?(option: SandboxJSON) {
        guard let members = option.object else { return nil }
        self = members.compactMapValues(\.string)
    }
    package var optionJSON: SandboxJSON { .object(mapValues(SandboxJSON.string)) }
}

extension Array: OptionValue where Element: OptionValue {
    package static var shape: FieldShape { .list(Element.shape) }
    package init?(option: SandboxJSON) {
        guard let elements = option.array else { return nil }
        self = elements.compactMap(Element.init(option:))
    }
    package var optionJSON: SandboxJSON { .array(map(\.optionJSON)) }
}

/// One of a fixed set of texts.
extension OptionValue where Self: RawRepresentable<String> & CaseIterable {
    package static var shape: FieldShape { .oneOf(allCases.map(\.rawValue)) }
    package init?(option: SandboxJSON) {
        guard let value = option.string.flatMap(Self.init(rawValue:)) else { return nil }
        self = value
    }
    package var optionJSON: SandboxJSON { .string(rawValue) }
}
