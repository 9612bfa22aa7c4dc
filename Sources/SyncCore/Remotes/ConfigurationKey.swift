/// A key of `[remotes.NAME]`, described once: for reading the configuration, for the reference in config/convosync.toml (from which the
/// manual page is made), and for `convosync init`.
package struct ConfigurationKey: Sendable {
    package enum Form: Sendable {
        case flag
        case integer(ClosedRange<Int>)
        case integers
        /// In bytes.
        case size
        case duration(atLeast: Duration)
        /// - problem: what is wrong with a text of the right form; nil: nothing.
        case text(problem: @Sendable (String) -> String?)
        case texts
        /// A table of texts, whose keys the kind defines.
        /// - problem: what is wrong with one of them; nil: nothing. `remote` is the path of the remote's table, such as `remotes.NAME`.
        case table(problem: @Sendable (_ key: String, _ text: String, _ remote: String) -> String?)

        package static let text = Form.text { _ in nil }
    }

    /// Below the remote's table, dotted where it is in a table of its own: `webhook.path`.
    package let name: String
    package let form: Form
    /// The value used when the key is missing; nil: none.
    package let standard: ConfigurationValue?
    /// For the reference, if there is no ``standard``; nil for keys whose values are described elsewhere.
    package let example: ConfigurationValue?
    /// For the reference and the manual. Empty: it is described together with the key before it.
    package let meaning: String
    /// What `convosync init` writes; nil: nothing.
    package let starter: StarterLine?
    /// Why remotes of other kinds do not have this key; nil: the message names the kinds that have it.
    package let elsewhere: String?
    /// The placeholder in operation paths that the value replaces.
    package let placeholder: String?

    package init(
        _ name: String, _ form: Form, standard: ConfigurationValue? = nil, example: ConfigurationValue? = nil, _ meaning: String = "",
        starter: StarterLine? = nil, elsewhere: String? = nil, fills placeholder: String? = nil
    ) {
        precondition(standard == nil || example == nil, "a key with a default needs no example")
        self.name = name
        self.form = form
        self.standard = standard
        self.example = example
        self.meaning = meaning
        self.starter = starter
        self.elsewhere = elsewhere
        self.placeholder = placeholder
    }
}

/// The value of a key.
package enum ConfigurationValue: Equatable, Sendable {
    case flag(Bool)
    case integer(Int)
    case text(String)
    case texts([String])
    case duration(Duration)
    /// A table of texts.
    case table([String: String])

    /// As written in the file.
    package var toml: String {
        switch self {
        case .flag(let flag): "\(flag)"
        case .integer(let integer): "\(integer)"
        case .text(let text): JSONValue.string(text).text
        case .texts(let texts): "[\(texts.map { JSONValue.string($0).text }.joined(separator: ", "))]"
        case .duration(let duration): "\"\(duration.notation)\""
        case .table(let table):
            "{ \(table.sorted { $0.key < $1.key }.map { "\($0.key) = \(JSONValue.string($0.value).text)" }.joined(separator: ", ")) }"
        }
    }
}

/// A line of the configuration that `convosync init` writes.
package struct StarterLine: Sendable {
    /// One sentence above it; nil: none.
    package let comment: String?
    package let value: String
    /// Whether it has to be filled in before the service can work.
    package let isPlaceholder: Bool

    package init(_ value: String, comment: String? = nil, isPlaceholder: Bool = false) {
        self.value = value
        self.comment = comment
        self.isPlaceholder = isPlaceholder
    }

    /// - Parameter key: the key in its table.
    package func lines(for key: String) -> [String] {
        let line = "\(key) = \(JSONValue.string(value).text)"
        guard let comment else { return [line] }
        return ["# \(isPlaceholder ? "FILL IN: " : "")\(comment)", line]
    }
}

extension ConfigurationKey {
    /// The table that contains a key.
    package enum Table: Sendable {
        case remote, webhook
    }

    private static let webhookPrefix = "webhook."

    package var table: Table { name.hasPrefix(ConfigurationKey.webhookPrefix) ? .webhook : .remote }

    /// The name within its table.
    package var leaf: String { name.split(separator: ".").last.map(String.init) ?? name }
}

extension Kind {
    /// The kind's own keys in one table.
    package func keys(in table: ConfigurationKey.Table) -> [ConfigurationKey] { keys.filter { $0.table == table } }

    /// The defaults of the kind's own keys.
    package var standardValues: OwnValues {
        var values = OwnValues()
        for key in keys { values[key.name] = key.standard }
        return values
    }
}
