import SyncCore

/// The keys that only some kinds have (``Kind/keys``).
extension RemoteReader {
    /// Reads a kind's own keys. A key that only other kinds have is a problem.
    func own(_ kind: Kind, in part: ConfigurationKey.Table, _ table: inout TableReader, remote: String) -> OwnValues {
        var own = OwnValues()
        var known: Set<String> = []
        for key in kind.keys(in: part) + kinds.flatMap({ $0.keys(in: part) }) where known.insert(key.name).inserted {
            guard table.has(key.leaf) else {
                _ = table.value(key.leaf)
                continue
            }
            guard kind.keys.contains(where: { $0.name == key.name }) else {
                readForeign(key, kind, &table)
                continue
            }
            own[key.name] = value(of: key, &table, remote: remote)
        }
        return own
    }

    private func readForeign(_ key: ConfigurationKey, _ kind: Kind, _ table: inout TableReader) {
        // A wrong type is reported as well.
        switch key.form {
        case .table: _ = table.table(key.leaf)
        case .text: _ = table.string(key.leaf)
        default: _ = scalar(key, &table)
        }
        let owners = kinds.filter { $0.keys.contains { $0.name == key.name } }.names
        let reason =
            key.elsewhere.map { ": \($0)" } ?? "; only \(owners.joined(separator: " and ")) \(owners.count == 1 ? "has" : "have") it"
        table.problems.add(table.dotted(key.leaf), "has no meaning for a remote of kind \(kind.name)\(reason)")
    }

    private func value(of key: ConfigurationKey, _ table: inout TableReader, remote: String) -> ConfigurationValue? {
        guard case .table(let problem) = key.form else { return scalar(key, &table) }
        var entries = table.table(key.leaf)
        var texts: [String: String] = [:]
        for entry in entries.keys {
            guard let text = entries.string(entry) else { continue }
            if let problem = problem(entry, text, remote) {
                entries.problems.add(entries.dotted(entry), problem)
            } else {
                texts[entry] = text
            }
        }
        return .table(texts)
    }

    private func scalar(_ key: ConfigurationKey, _ table: inout TableReader) -> ConfigurationValue? {
        switch key.form {
        case .text(let problem):
            guard let text = table.string(key.leaf) else { return nil }
            if let problem = problem(text) { table.problems.add(table.dotted(key.leaf), problem) }
            return .text(text)
        case .texts: return table.strings(key.leaf).map(ConfigurationValue.texts)
        case .duration: return table.span(key).map(ConfigurationValue.duration)
        case .flag, .integer, .integers, .size, .table:
            preconditionFailure("a kind's own keys are texts, durations and tables of texts")
        }
    }
}
