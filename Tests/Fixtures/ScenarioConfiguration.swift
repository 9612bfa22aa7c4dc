/// The configuration file of a scenario: tables of keys with TOML values. Retries are quick unless a test says otherwise.
package struct ScenarioConfiguration: Sendable {
    /// Table name → key → TOML value.
    private var tables: [String: [String: String]] = [:]
    /// Appended unchanged.
    package var rest = ""

    package static let remotes = ["helpdesk", "fin", "voicebot", "vg"]

    /// - Parameter url: the URL of a remote.
    package init(url: (String) -> String) {
        self["database", "path"] = "\"convosync.db\""
        // Changes must be detected by themselves, not found by the interval.
        self["schedule", "interval"] = "\"60s\""
        self["schedule", "debounce"] = "\"20ms\""
        // A response may take that long on a busy machine.
        self["schedule", "stall"] = "\"3s\""
        self["schedule", "shutdown_timeout"] = "\"3s\""
        self["log", "format"] = "\"json\""
        self["log", "level"] = "\"debug\""
        self["retry", "base"] = "\"100ms\""
        self["retry", "cap"] = "\"300ms\""
        self["retry", "max_attempts"] = "1000"
        for remote in Self.remotes {
            self["remotes.\(remote)", "url"] = "\"\(url(remote))\""
            self["remotes.\(remote)", "token_file"] = "\"token\""
            self["remotes.\(remote)", "timeouts"] = "{ connect = \"2s\", read = \"5s\", total = \"8s\" }"
            self["remotes.\(remote).breaker", "pause"] = "\"200ms\""
            self["remotes.\(remote).breaker", "max_pause"] = "\"400ms\""
        }
        self["remotes.vg", "agent_id"] = "\"a1\""
    }

    /// The value of a key as TOML text; nil removes the key.
    package subscript(_ table: String, _ key: String) -> String? {
        get { tables[table]?[key] }
        set { tables[table, default: [:]][key] = newValue }
    }

    /// Removes a table and all tables below it.
    package mutating func remove(_ table: String) {
        tables = tables.filter { $0.key != table && !$0.key.hasPrefix("\(table).") }
    }

    package var text: String {
        tables.sorted { $0.key < $1.key }.map { name, keys in
            "[\(name)]\n" + keys.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
        }.joined(separator: "\n") + rest
    }
}
