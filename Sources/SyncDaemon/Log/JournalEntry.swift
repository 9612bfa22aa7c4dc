import SyncCore

/// An event in the journal's native protocol ("Native Journal Protocol", https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram with a sequence
/// of fields.
///
/// The fields are `CONVERSATION`, `REMOTE`, `EVENT` and the others of docs/log-events.md in capitals, so that `journalctl -u convosync
/// CONVERSATION=conv_456` finds them; `outbox` is called `OUTBOX_ID`, and `message` `MESSAGE_ROW`: `MESSAGE` is the line for people. Values are
/// truncated to ``LogEvent/longestValue``: with the few fields of an event, a datagram stays far below the limit of a socket.
enum JournalEntry {
    static func datagram(_ event: LogEvent) -> [UInt8] {
        var bytes: [UInt8] = []
        append("MESSAGE", message(event), to: &bytes)
        append("PRIORITY", "\(event.level.priority)", to: &bytes)
        append("SYSLOG_IDENTIFIER", "convosync", to: &bytes)
        append("EVENT", event.name, to: &bytes)
        for (key, value) in event.fields { append(name(key), value.plain, to: &bytes) }
        return bytes
    }

    /// The message for people: what the journal does not show by itself, as logfmt.
    private static func message(_ event: LogEvent) -> String {
        LogLine.fields(event).isEmpty ? event.name : "\(event.name) \(LogLine.fields(event))"
    }

    /// Capitals, digits and underscores, no leading underscore: the journal drops other names.
    static func name(_ key: String) -> String {
        switch key {
        case "outbox": return "OUTBOX_ID"
        case "message": return "MESSAGE_ROW"
        default: break
        }
        let letters = key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        return String(letters.drop { $0 == "_" || $0.isNumber }.prefix(64))
    }

    /// `NAME=value`, or for a value with line breaks the name, the length and the value.
    private static func append(_ name: String, _ text: String, to bytes: inout [UInt8]) {
        let value = Array(text.truncated(toBytes: LogEvent.longestValue).utf8)
        bytes += name.utf8
        if value.contains(UInt8(ascii: "\n")) {
            bytes.append(UInt8(ascii: "\n"))
            withUnsafeBytes(of: UInt64(value.count).littleEndian) { bytes += $0 }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += value
        bytes.append(UInt8(ascii: "\n"))
    }
}

extension LogEvent.Value {
    var plain: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        }
    }
}
