/// The configured values of the keys that only one kind has, by the names of these keys (``Kind/keys``).
///
/// The kind's folder converts them to its own settings type.
package struct OwnValues: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    private var values: [String: ConfigurationValue]

    package init(dictionaryLiteral elements: (String, ConfigurationValue)...) {
        values = Dictionary(elements) { _, last in last }
    }

    package subscript(name: String) -> ConfigurationValue? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// The values of both; those of `other` take precedence. Tables are merged.
    package func merging(_ other: OwnValues) -> OwnValues {
        var merged = self
        merged.values.merge(other.values) { value, otherValue in
            guard case .table(let table) = value, case .table(let otherTable) = otherValue else { return otherValue }
            return .table(table.merging(otherTable) { $1 })
        }
        return merged
    }

    package func text(_ name: String) -> String? { if case .text(let text) = values[name] { text } else { nil } }

    package func texts(_ name: String) -> [String]? { if case .texts(let texts) = values[name] { texts } else { nil } }

    package func duration(_ name: String) -> Duration? { if case .duration(let duration) = values[name] { duration } else { nil } }

    /// Empty if the file has no such table.
    package func table(_ name: String) -> [String: String] { if case .table(let table) = values[name] { table } else { [:] } }
}
