/// The behaviour of one instance where its document leaves a choice to the system, and settings for tests.
///
/// Every option is a property of ``DeclaredOptions`` (those of one kind in the folder of the kind) and a member of this type:
///
/// ```swift
/// options.laggingReads = 2
/// ```
@dynamicMemberLookup
package struct InstanceOptions: Sendable {
    /// The options that were set, by name.
    private var values: [String: any OptionValue] = [:]

    package subscript<Value>(dynamicMember path: KeyPath<DeclaredOptions, InstanceOption<Value>>) -> Value {
        get {
            let option = DeclaredOptions()[keyPath: path]
            return values[option.name] as? Value ?? option.standard
        }
        set { values.updateValue(newValue, forKey: DeclaredOptions()[keyPath: path].name) }
    }

    private static let all = DeclaredOptions().common + SimulatedKind.all.flatMap { $0.options(DeclaredOptions()) }

    private static let shape = FieldShape.record(
        Dictionary(all.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first }), required: [])

    /// Sets the options named by a control call; the others do not change.
    mutating func merge(_ description: SandboxJSON) throws(ControlRefusal) {
        let fields = try Self.shape.requireControl(description)
        for option in Self.all {
            guard let given = fields[option.name], let value = option.read(given) else { continue }
            values.updateValue(value, forKey: option.name)
        }
    }

    /// The values of all options; for a secret one only whether it is set.
    var description: SandboxJSON {
        .object(Dictionary(Self.all.map { $0.shown(values[$0.name]) }, uniquingKeysWith: { first, _ in first }))
    }
}

/// Declares the options of all kinds, in extensions.
package struct DeclaredOptions {}

/// One option: its name in control calls, the shape of its values, and its default.
package struct InstanceOption<Value: OptionValue>: AnyInstanceOption {
    let name: String
    let standard: Value
    private let narrowerShape: FieldShape?
    private let isSecret: Bool

    /// - Parameter shape: nil for the shape of the type.
    init(_ name: String, _ standard: Value, shape: FieldShape? = nil, isSecret: Bool = false) {
        self.name = name
        self.narrowerShape = shape
        self.standard = standard
        self.isSecret = isSecret
    }

    var shape: FieldShape { narrowerShape ?? Value.shape }

    func read(_ json: SandboxJSON) -> (any OptionValue)? { Value.read(json) }

    func shown(_ value: (any OptionValue)?) -> (String, SandboxJSON) {
        let json = (value ?? standard).optionJSON
        return isSecret ? ("has_own_\(name)", .boolean(!json.isNull)) : (name, json)
    }
}

/// An option with any type of value.
protocol AnyInstanceOption: Sendable {
    var name: String { get }
    var shape: FieldShape { get }

    /// Reads a value that has the shape.
    func read(_ json: SandboxJSON) -> (any OptionValue)?

    /// The name and value for the response of a control call.
    func shown(_ value: (any OptionValue)?) -> (String, SandboxJSON)
}
