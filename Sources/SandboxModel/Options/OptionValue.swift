/// A value of an option, as it is represented in control calls.
package protocol OptionValue: Sendable {
    static var shape: FieldShape { get }

    /// Reads a value that has the shape.
    static func read(_ option: SandboxJSON) -> Self?

    var optionJSON: SandboxJSON { get }
}

extension Bool: OptionValue {
    package static var shape: FieldShape { .boolean }
    package static func read(_ option: SandboxJSON) -> Bool? { option.boolean }
    package var optionJSON: SandboxJSON { .boolean(self) }
}

extension Int: OptionValue {
    package static var shape: FieldShape { .integer }
    package static func read(_ option: SandboxJSON) -> Int? { option.integer }
    package var optionJSON: SandboxJSON { .integer(self) }
}

extension String: OptionValue {
    package static var shape: FieldShape { .string }
    package static func read(_ option: SandboxJSON) -> String? { option.string }
    package var optionJSON: SandboxJSON { .string(self) }
}

extension Optional: OptionValue where Wrapped: OptionValue {
    package static var shape: FieldShape { .nullable(Wrapped.shape) }
    package static func read(_ option: SandboxJSON) -> Wrapped?? { option.isNull ? .some(nil) : Wrapped.read(option).map { .some($0) } }
    package var optionJSON: SandboxJSON { self?.optionJSON ?? .null }
}

extension Set<String>: OptionValue {
    package static var shape: FieldShape { .list(.string) }
    package static func read(_ option: SandboxJSON) -> Set<String>? { option.strings.map { Set($0) } }
    package var optionJSON: SandboxJSON { .array(sorted().map(SandboxJSON.string)) }
}

/// Members that are not strings are left out.
extension Dictionary<String, String>: OptionValue {
    package static var shape: FieldShape { .anyObject }
    package static func read(_ option: SandboxJSON) -> [String: String]? { option.object?.compactMapValues(\.string) }
    package var optionJSON: SandboxJSON { .object(mapValues(SandboxJSON.string)) }
}

extension Array: OptionValue where Element: OptionValue {
    package static var shape: FieldShape { .list(Element.shape) }
    package static func read(_ option: SandboxJSON) -> [Element]? { option.array?.compactMap(Element.read) }
    package var optionJSON: SandboxJSON { .array(map(\.optionJSON)) }
}

/// One of a fixed set of texts.
extension OptionValue where Self: RawRepresentable<String> & CaseIterable {
    package static var shape: FieldShape { .oneOf(allCases.map(\.rawValue)) }
    package static func read(_ option: SandboxJSON) -> Self? { option.string.flatMap(Self.init(rawValue:)) }
    package var optionJSON: SandboxJSON { .string(rawValue) }
}
