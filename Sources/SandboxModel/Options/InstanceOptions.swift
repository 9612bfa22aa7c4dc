/// How one instance behaves where its document leaves the choice to the system, and what a test wants it to know.
///
/// Every option is a property of ``DeclaredOptions`` (those of one kind in the folder of the kind) and a member of this type:
///
/// ```swift
/// options.laggingReads = 2
/// ```
@dynamicMemberLookup
package struct InstanceOptions: Sendable {
    /// Those that were set, by name.
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

    /// Sets the options that a control call names and leaves the others alone.
    mutating func merge(_ description: SandboxJSON) throws(ControlRefusal) {
        let fields = try Self.shape.requireControl(description)
        for option in Self.all {
            guard let given = fields[option.name], let value = option.read(given) else { continue }
            values.updateValue(value, forKey: option.name)
        }
    }

    /// The values of all options; of a secret one only whether it is set.
    var description: SandboxJSON {
        .object(Dictionary(Self.all.map { $0.shown(values[$0.name]) }, uniquingKeysWith: { first, _ in first }))
    }
}

/// The options of all kinds, by extensions.
package struct DeclaredOptions {}

/// One option: its name in control calls, what it may be, and its value where nobody set one.
package struct InstanceOption<Value: OptionValue>: AnyInstanceOption {
    let name: String
    let standard: Value
    private let narrowerShape: FieldShape?
    private let isSecret: Bool

    /// - Parameter shape: nil for that of the type.
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

/// An option whatever the type of its value.
protocol AnyInstanceOption: Sendable {
    var name: String { get }
    var shape: FieldShape { get }

    /// Reads a value that satisfies the shape.
    func read(_ json: SandboxJSON) -> (any OptionValue)?

    /// The name and the value for a control call's response.
    func shown(_ value: (any OptionValue)?) -> (String, SandboxJSON)
}
