import SyncCore
import SyncStore

/// Writes metric families as text that is valid both as OpenMetrics 1.0 and for readers of the classic Prometheus text format 0.0.4,
/// such as node_exporter's textfile collector.
///
/// The two differ for counters: OpenMetrics names the family without `_total`. A classic reader takes such samples for untyped ones,
/// which changes nothing about `rate()`. `# UNIT` and `# EOF` are comments to it.
struct MetricsText {
    enum Kind: String {
        case gauge, counter
    }

    typealias Labels = [(name: String, value: String)]

    private(set) var text = ""

    /// One family with its samples; left out where there are none. The name of a counter is given without `_total`.
    mutating func add(
        _ name: String, _ kind: Kind = .gauge, unit: String? = nil, help: String, _ samples: [(labels: Labels, value: Double)]
    ) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(MetricsText.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        if let unit { text += "# UNIT \(name) \(unit)\n" }
        let sampleName = kind == .counter ? "\(name)_total" : name
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(MetricsText.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
            text += "\(sampleName)\(labels.isEmpty ? "" : "{\(labels)}") \(MetricsText.number(sample.value))\n"
        }
    }

    mutating func end() {
        text += "# EOF\n"
    }

    static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    /// Whole numbers without a fraction; everything else as short as it can be read back.
    static func number(_ value: Double) -> String {
        Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}
