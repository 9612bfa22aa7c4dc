import Dispatch
import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

/// A log without a reader: writers continue, lines are bounded, dropped lines are counted.
@Suite struct LogWriterTests {
    init() {
        // As in the program: a reader that is gone is an error of the write.
        signal(SIGPIPE, SIG_IGN)
    }

    private let start = Instant(milliseconds: 1_700_000_000_000)

    private func line(_ text: String) -> LogBacklog.Line { .init(text: Array(text.utf8)) }

    @Test func `lines are written in order, and those beyond the limit are counted`() {
        var backlog = LogBacklog(lineLimit: 8, byteLimit: 1000)
        for number in 0..<10 { backlog.append(line("\(number)"), isImportant: false, now: start + .seconds(Int64(number))) }
        #expect(backlog.count == 6)
        // The rest is kept for important lines.
        for number in 0..<4 { backlog.append(line("error \(number)"), isImportant: true, now: start) }
        #expect(backlog.count == 8)
        let first = backlog.next()
        #expect(first == .dropped(.init(count: 6, since: start + .seconds(6))))
        var lines: [String] = []
        while case .line(let line) = backlog.next() { lines.append(String(decoding: line.text, as: UTF8.self)) }
        #expect(lines == ["0", "1", "2", "3", "4", "5", "error 0", "error 1"])
        #expect(backlog.isEmpty)
        #expect(LogBacklog.lineLimit == 20_000)
    }

    @Test func `bytes are limited, including those of journal entries, and are freed again`() {
        var backlog = LogBacklog(lineLimit: 1_000_000, byteLimit: 400)
        let wide = LogBacklog.Line(text: [UInt8](repeating: 1, count: 50), journalEntry: [UInt8](repeating: 2, count: 50))
        for _ in 0..<5 { backlog.append(wide, isImportant: false, now: start) }
        #expect(backlog.count == 3)
        for _ in 0..<10_000 {
            _ = backlog.next()
            backlog.append(wide, isImportant: false, now: start)
            #expect((2...3).contains(backlog.count))
        }
        #expect(LogBacklog.byteLimit == 8 << 20)
    }

    @Test func `every line is written or counted, whenever the reader stalls`() {
        var (backlog, written, dropped) = (LogBacklog(lineLimit: 40, byteLimit: 10_000), 0, 0)
        for number in 0..<5000 {
            backlog.append(line("x"), isImportant: number % 7 == 0, now: start)
            // A reader that sometimes reads much, and sometimes nothing for long.
            guard number % 90 == 0 else { continue }
            for _ in 0..<number % 60 {
                switch backlog.next() {
                case .line: written += 1
                case .dropped(let lines): dropped += lines.count
                case nil: break
                }
            }
        }
        #expect(written + dropped + backlog.count + (backlog.dropped?.count ?? 0) == 5000)
        #expect(written > 500 && dropped > 500)
    }

    /// A pipe with a small buffer: both ends.
    private func smallPipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        _ = fcntl(ends[1], 1031 /* F_SETPIPE_SZ */, 4096)
        return (ends[0], ends[1])
    }

    private func readAll(_ descriptor: Int32, until end: (String) -> Bool) -> String {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while !end(text), poll(&entry, 1, 10_000) > 0 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return text
    }

    @Test(arguments: [false, true])
    func `a full pipe does not delay the writer, and nothing is lost when it is read again`(isNonBlocking: Bool) async throws {
        let ends = try smallPipe()
        defer { for end in [ends.read, ends.write] { close(end) } }
        if isNonBlocking { _ = fcntl(ends.write, F_SETFL, O_NONBLOCK) }
        let log = EventLog(.init(), hasPriorityPrefix: false, descriptor: ends.write)
        let startedAt = ContinuousClock.now
        for number in 0..<2000 { log.write(LogEvent("x").with("number", number)) }
        #expect(ContinuousClock.now - startedAt < .seconds(20))
        let text = readAll(ends.read) { $0.hasSuffix("number=1999\n") }
        let numbers = text.split(separator: "\n").compactMap { $0.split(separator: "=").last.flatMap { Int($0) } }
        #expect(numbers == Array(0..<2000))
        await log.flush(within: .seconds(10), stall: .seconds(10))
    }

    @Test func `dropped lines are reported as soon as the pipe is read again`() async throws {
        let ends = try smallPipe()
        defer { for end in [ends.read, ends.write] { close(end) } }
        let log = EventLog(.init(), hasPriorityPrefix: false, descriptor: ends.write)
        let count = LogBacklog.lineLimit + 5000
        for number in 0..<count { log.write(LogEvent("x").with("number", number)) }
        log.write(LogEvent("delivery.dead", level: .error))
        let text = readAll(ends.read) { $0.contains("event=delivery.dead") }
        let lines = text.split(separator: "\n")
        let said = lines.filter { $0.contains("event=log.dropped") }
        #expect(said.count == 1)
        let fields = said.first?.split(separator: " ") ?? []
        let dropped = fields.first { $0.hasPrefix("count=") }.flatMap { Int($0.dropFirst(6)) } ?? 0
        #expect(dropped > 0)
        #expect(fields.contains { $0.hasPrefix("since=20") })
        #expect(lines.filter { $0.contains("event=x") }.count + dropped == count)
        // Among the first lines, not behind thousands of older ones.
        #expect((lines.firstIndex { $0.contains("event=log.dropped") } ?? .max) < 200)
        await log.flush(within: .seconds(10), stall: .seconds(10))
    }

    @Test func `a flush waits for a slow reader, and not for one that reads nothing`() async throws {
        let ends = try smallPipe()
        let log = EventLog(.init(), hasPriorityPrefix: false, descriptor: ends.write)
        for number in 0..<1000 { log.write(LogEvent("x").with("number", number)) }
        let startedAt = ContinuousClock.now
        await log.flush(within: .seconds(60), stall: .milliseconds(300))
        let duration = ContinuousClock.now - startedAt
        #expect(duration >= .milliseconds(300) && duration < .seconds(10))
        // Later lines do not wait either.
        log.write(LogEvent("x"))
        close(ends.read)
    }

    @Test func `a flush does not wait for a reader that has closed the pipe`() async throws {
        let ends = try smallPipe()
        close(ends.read)
        let log = EventLog(.init(), hasPriorityPrefix: false, descriptor: ends.write)
        for number in 0..<1000 { log.write(LogEvent("x").with("number", number)) }
        let startedAt = ContinuousClock.now
        await log.flush(within: .seconds(60), stall: .seconds(60))
        #expect(ContinuousClock.now - startedAt < .seconds(30))
        close(ends.write)
    }

    @Test func `a journal that does not read delays nothing, and gets all entries later`() async throws {
        let journal = try DatagramReceiver()
        var settings = Configuration.Log()
        settings.format = .journal
        let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(nowhere) }
        let log = EventLog(settings, hasPriorityPrefix: false, journal: JournalWriter(path: journal.path), descriptor: nowhere)
        let startedAt = ContinuousClock.now
        for number in 0..<3000 { log.write(LogEvent("x").with("number", number)) }
        #expect(ContinuousClock.now - startedAt < .seconds(20))
        for number in 0..<3000 {
            let text = try journal.receiveText()
            try #require(text.contains("NUMBER=\(number)\n"), "\(number): \(text)")
        }
        await log.flush(within: .seconds(10), stall: .seconds(10))
    }

    @Test func `a service manager that does not read delays nothing, and still gets the important states`() throws {
        let manager = try DatagramReceiver()
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path])
        let startedAt = ContinuousClock.now
        for number in 0..<2000 { notifier.status("line \(number)") }
        notifier.ready()
        notifier.stopping(within: .seconds(3))
        #expect(ContinuousClock.now - startedAt < .seconds(20))
        var heard: [String] = []
        while heard.count < 2 {
            let text = try manager.receiveText()
            if !text.hasPrefix("STATUS") { heard.append(text) }
        }
        #expect(heard.first == "READY=1")
        #expect(heard.last?.hasPrefix("STOPPING=1") == true)
    }
}
