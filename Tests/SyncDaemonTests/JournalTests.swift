import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

/// The journal's native protocol.
@Suite struct JournalTests {
    /// Reads a datagram back, as the journal does.
    private func fields(_ datagram: [UInt8]) throws -> [String: String] {
        var fields: [String: String] = [:]
        var rest = datagram[...]
        while !rest.isEmpty {
            let end = try #require(rest.firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "\n") })
            let name = String(decoding: rest[..<end], as: UTF8.self)
            let isBinary = rest[end] == UInt8(ascii: "\n")
            rest = rest[(end + 1)...]
            var length = try #require(rest.firstIndex(of: UInt8(ascii: "\n"))) - rest.startIndex
            if isBinary {
                length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
                rest = rest.dropFirst(8)
            }
            #expect(fields[name] == nil)
            fields[name] = String(decoding: rest.prefix(length), as: UTF8.self)
            rest = rest.dropFirst(length)
            #expect(rest.first == UInt8(ascii: "\n"))
            rest = rest.dropFirst()
        }
        return fields
    }

    @Test func `every field of an event is a field of the entry`() throws {
        let event = LogEvent("delivery.attempted", level: .warning).with("remote", "vg").with("conversation", "conv_456").with("outbox", 12)
            .with("duration_ms", 7).with("error", "HTTP 500: oops").with("parked", true)
        #expect(
            try fields(JournalEntry.datagram(event)) == [
                "MESSAGE":
                    #"delivery.attempted remote=vg conversation=conv_456 outbox=12 duration_ms=7 error="HTTP 500: oops" parked=true"#,
                "PRIORITY": "4", "SYSLOG_IDENTIFIER": "convosync", "EVENT": "delivery.attempted", "REMOTE": "vg",
                "CONVERSATION": "conv_456", "OUTBOX_ID": "12", "DURATION_MS": "7", "ERROR": "HTTP 500: oops", "PARKED": "true",
            ])
    }

    @Test(arguments: ["a\nPRIORITY=0\n", "\n", "=", "", "\u{0}\u{1B}[31m", "käse\n\u{1F9C0}"])
    func `a value cannot forge a field`(value: String) throws {
        let fields = try fields(JournalEntry.datagram(LogEvent("x", level: .error).with("error", value)))
        #expect(fields["ERROR"] == value)
        #expect(fields["PRIORITY"] == "3")
        #expect(fields.count == 5)
    }

    @Test func `a datagram is bounded, and no character is cut in two`() throws {
        let fields = try fields(JournalEntry.datagram(LogEvent("x").with("error", String(repeating: "ä", count: 9000))))
        let error = try #require(fields["ERROR"])
        #expect(error.utf8.count <= LogEvent.longestValue)
        #expect(error.hasSuffix("ä…") && !error.contains("\u{FFFD}"))
        #expect(fields["MESSAGE"].map { $0.utf8.count <= LogEvent.longestValue } == true)
    }

    @Test func `field names are valid for the journal`() {
        #expect(
            ["outbox", "put_back", "duration_ms", "_x", "9lives", "a-b"].map(JournalEntry.name) == [
                "OUTBOX_ID", "PUT_BACK", "DURATION_MS", "X", "LIVES", "A_B",
            ])
    }

    /// The journal shows `MESSAGE` as the line, and looks up a `MESSAGE_ID` in its catalogue.
    @Test func `no field of an event has the name of a field that every entry has`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/log-events.schema.json"), encoding: .utf8)
        let events = try #require(try JSONValue(text: text)["oneOf"]?.arrayValue)
        #expect(events.count > 60)
        for event in events {
            let properties = try #require(event["properties"]?.objectValue)
            // These three are not among the fields of an event: the journal has its own time, and the others are fields of every entry.
            let names = Set(properties.keys).subtracting(["ts", "level", "event"]).map(JournalEntry.name)
            #expect(Set(names).count == names.count, "\(event["title"]?.stringValue ?? "")")
            let reserved = Set(names).intersection(["MESSAGE", "MESSAGE_ID", "PRIORITY", "EVENT", "SYSLOG_IDENTIFIER"])
            #expect(reserved.isEmpty, "\(event["title"]?.stringValue ?? ""): \(reserved)")
        }
    }

    @Test func `an event about a message has one line for people`() throws {
        let event = LogEvent("plan.put_aside", level: .error).with("conversation", "conv_456").with("message", "m1")
        let fields = try fields(JournalEntry.datagram(event))
        #expect(fields["MESSAGE"] == "plan.put_aside conversation=conv_456 message=m1")
        #expect(fields["MESSAGE_ROW"] == "m1")
    }

    @Test func `a missing journal is reported once, and lines go to standard output`() throws {
        let lines = Mutex<[String]>([])
        var settings = Configuration.Log()
        settings.format = .journal
        let log = EventLog(
            settings, hasPriorityPrefix: false, journal: JournalWriter(path: "/nowhere/socket"), now: { Instant(milliseconds: 0) },
            output: { line in lines.withLock { $0.append(line) } })
        log.write(LogEvent("run.finished"))
        log.write(LogEvent("run.finished"))
        let prefix = "ts=1970-01-01T00:00:00.000Z level="
        #expect(
            lines.withLock { $0.map { String($0.dropFirst(prefix.count).prefix(40)) } } == [
                "warning event=log.journal_unavailable pa", "info event=run.finished", "info event=run.finished",
            ])
    }

    @Test func `with a journal all entries go to it, and none to standard output`() throws {
        let journal = try DatagramReceiver()
        let lines = Mutex<[String]>([])
        var settings = Configuration.Log()
        settings.format = .journal
        let log = EventLog(
            settings, hasPriorityPrefix: true, journal: JournalWriter(path: journal.path),
            output: { line in lines.withLock { $0.append(line) } })
        log.write(LogEvent("breaker.opened", level: .error).with("remote", "vg"))
        #expect(try fields(journal.receive())["EVENT"] == "breaker.opened")
        #expect(lines.withLock { $0.isEmpty })
    }
}
