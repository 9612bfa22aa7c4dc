import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

@Suite struct LogTests {
    private let event = LogEvent("delivery.attempted", level: .warning)
        .with("remote", "vg").with("outbox", 12).with("error", "HTTP 500: \"oops\" = bad\n").with("missing", nil as String?)
        .with("parked", true)

    @Test func `logfmt quotes values with special characters`() {
        let line = LogLine.render(event, at: Instant(milliseconds: 0), as: .logfmt)
        #expect(
            line
                == #"ts=1970-01-01T00:00:00.000Z level=warning event=delivery.attempted remote=vg outbox=12 error="HTTP 500: \"oops\" = bad\n" parked=true"#
        )
    }

    @Test func `every line in the JSON format is valid JSON`() throws {
        let line = LogLine.render(event, at: Instant(milliseconds: 0), as: .json)
        #expect(
            try JSONValue(text: line) == [
                "ts": "1970-01-01T00:00:00.000Z", "level": "warning", "event": "delivery.attempted", "remote": "vg", "outbox": 12,
                "error": "HTTP 500: \"oops\" = bad\n", "parked": true,
            ])
    }

    @Test(arguments: ["a\nlevel=error event=forged", "\u{1B}[31m", "a b", "=", ""])
    func `a value cannot forge a line or a field`(value: String) {
        let line = LogLine.render(LogEvent("x").with("v", value), at: Instant(milliseconds: 0), as: .logfmt)
        #expect(!line.contains("\n") && !line.contains("\u{1B}"))
        #expect(line.contains("v=\""))
    }

    /// An id may have any length, and stands in every line about its conversation.
    @Test(arguments: [LogFormat.logfmt, .json])
    func `a value is cut off after 8 KiB, and no character is cut in two`(format: LogFormat) throws {
        for (text, shown) in [
            (String(repeating: "x", count: 8192), String(repeating: "x", count: 8192)),
            (String(repeating: "x", count: 8193), String(repeating: "x", count: 8189) + "…"),
            (String(repeating: "ä", count: 1 << 20), String(repeating: "ä", count: 4094) + "…"),
        ] {
            let line = LogLine.render(LogEvent("x").with("conversation", text), at: Instant(milliseconds: 0), as: format)
            if format == .json {
                #expect(try JSONValue(text: line)["conversation"]?.stringValue == shown)
            } else {
                #expect(line.hasSuffix(shown.utf8.count == shown.count ? "conversation=\(shown)" : "conversation=\"\(shown)\""))
            }
        }
    }

    @Test func `the level and deliveries = failures are respected`() {
        let lines = Mutex<[String]>([])
        var settings = Configuration.Log()
        settings.deliveries = .failures
        let log = EventLog(
            settings, hasPriorityPrefix: false, now: { Instant(milliseconds: 0) }, output: { line in lines.withLock { $0.append(line) } })
        log.write(LogEvent("delivery.attempted", level: .info))
        log.write(LogEvent("delivery.attempted", level: .warning))
        log.write(LogEvent("run.finished", level: .debug))
        log.write(LogEvent("run.finished", level: .info))
        #expect(lines.withLock { $0.count } == 2)
    }

    @Test func `under systemd a line begins with its priority`() {
        let lines = Mutex<[String]>([])
        let log = EventLog(
            .init(), hasPriorityPrefix: true, now: { Instant(milliseconds: 0) }, output: { line in lines.withLock { $0.append(line) } })
        log.write(LogEvent("delivery.dead", level: .error))
        #expect(lines.withLock { $0.first?.hasPrefix("<3>ts=") } == true)
    }
}
