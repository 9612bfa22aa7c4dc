import SyncCore

/// Renders events as logfmt or JSON lines. Values may come from remotes and tables, so terminal control characters and line breaks are escaped.
enum LogLine {
    static func render(_ event: LogEvent, at time: Instant, as format: LogFormat) -> String {
        switch format {
        // An event that the journal did not accept is written as text.
        case .logfmt, .journal: logfmt(event, at: time)
        case .json: json(event, at: time)
        }
    }

    private static func logfmt(_ event: LogEvent, at time: Instant) -> String {
        let line = "ts=\(time.iso8601) level=\(event.level.rawValue) event=\(event.name)"
        return event.fields.isEmpty ? line : "\(line) \(fields(event))"
    }

    /// The fields only.
    static func fields(_ event: LogEvent) -> String {
        event.fields.map { key, value in
            if case .text(let text) = value { "\(key)=\(quoted(text))" } else { "\(key)=\(value.plain)" }
        }.joined(separator: " ")
    }

    /// Unquoted if that is unambiguous, otherwise a JSON string.
    private static func quoted(_ text: String) -> String {
        let isBare =
            !text.isEmpty
            && text.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\\")
            }
        return isBare ? text : JSONValue.string(text).printableText
    }

    private static func json(_ event: LogEvent, at time: Instant) -> String {
        var line = "{\"ts\":\"\(time.iso8601)\",\"level\":\"\(event.level.rawValue)\",\"event\":\"\(event.name)\""
        for (key, value) in event.fields {
            line += ",\"\(key)\":"
            if case .text(let text) = value { line += JSONValue.string(text).printableText } else { line += value.plain }
        }
        return line + "}"
    }
}
