import SyncCore

/// An event in the journal's native protocol ("Native Journal Protocol", https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram with a sequence
/// of fields.
///
/// The fields are `CONVERSATION`, `REMOTE`, `EVENT` and the others of docs/log-events.md in capitals, so that `journalctl -u convosync
/// CONVERSATION=conv_456` finds them; `outbox` is called `OUTBOX_ID`. Values are truncated to ``longestValue``: with the few fields of an event, a
/// datagram stays far below the limit of a socket.
enum JournalEntry {
    /// In bytes.
    static let longestValue = 8192

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
        if key == "outbox" { return "OUTBOX_ID" }
        let letters = key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        return String(letters.drop { $0 == "_" || $0.isNumber }.prefix(64))
    }

    /// `NAME=value`, or for a value with line breaks the name, the length and the value.
    private static func append(_ name: String, _ text: String, to bytes: inout [UInt8]) {
        let value = bounded(text)
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

    private static func bounded(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count > longestValue else { return bytes }
        let mark = Array("…".utf8)
        var end = longestValue - mark.count
        // Does not cut a character in half.
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return bytes[..<end] + mark
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
