import SyncCore
import SyncStore

/// Writes metric families in the Prometheus text format 0.0.4, which node_exporter's textfile collector reads
/// (https://prometheus.io/docs/instrumenting/exposition_formats/). Counters carry `_total` in HELP and TYPE as well.
struct MetricsText {
    enum Kind: String {
        case gauge, counter
    }

    typealias Labels = [(name: String, value: String)]

    private(set) var text = ""

    /// Adds a family with its samples; nothing if there are no samples.
    mutating func add(_ name: String, _ kind: Kind = .gauge, help: String, _ samples: [(labels: Labels, value: Double)]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(MetricsText.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(MetricsText.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
            text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(MetricsText.number(sample.value))\n"
        }
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

    /// Whole numbers without a fraction, others in the shortest form that can be read back.
    static func number(_ value: Double) -> String {
        Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}
