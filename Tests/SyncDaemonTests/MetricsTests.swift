import Fixtures
import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon
@testable import SyncStore

/// The metrics file: its content, and how it is replaced.
@Suite struct MetricsTests {
    private let now = Instant(milliseconds: 1_772_366_400_000)

    private func page(_ change: (inout RemoteStatus) -> Void = { _ in }) -> String {
        var vg = RemoteStatus(name: "vg \"eu\"\\\n")
        vg.pending = 3
        vg.oldestPendingAt = (now - .milliseconds(90_500)).iso8601
        change(&vg)
        let status = StoreStatus(remotes: [vg, RemoteStatus(name: "fin")], lastRun: nil, unplanned: 2)
        var counts = DeliveryTally.Counts()
        counts.remotes["fin"] = .init(calls: ["delivered": 7], seconds: 1.25)
        counts.prunedRows = 4
        return MetricsPage(
            status: status, counts: counts, size: StoreSize(pages: 10, freePages: 1, pageSize: 4096, shrinks: true),
            startedAt: now - .hours(1), now: now
        ).text
    }

    /// Outcomes are a fixed list, and remotes that are not configured have no series.
    @Test func `the number of series depends on nothing but the number of remotes`() {
        func series(_ remotes: Int, calls: Int) -> Int {
            let status = StoreStatus(remotes: (0..<remotes).map { RemoteStatus(name: "vg\($0)") }, lastRun: nil, unplanned: 2)
            var counts = DeliveryTally.Counts()
            for number in 0..<calls { counts.remotes["former\(number)"] = .init(calls: ["outcome \(number)": 7], seconds: 1) }
            counts.remotes["vg0"] = .init(calls: ["outcome": 7], seconds: 1)
            let page = MetricsPage(
                status: status, counts: counts, size: StoreSize(pages: 10, freePages: 1, pageSize: 4096, shrinks: true),
                startedAt: now, now: now)
            return page.text.split(separator: "\n").count { !$0.hasPrefix("#") }
        }
        let (none, one) = (series(0, calls: 0), series(1, calls: 0))
        #expect(series(1, calls: 500) == one)
        #expect(series(20, calls: 500) == none + 20 * (one - none))
    }

    @Test func `the first metric is the age of the oldest undelivered row of each remote`() {
        let text = page()
        #expect(text.contains("# TYPE convosync_oldest_undelivered_age_seconds gauge\n"))
        #expect(text.contains("convosync_oldest_undelivered_age_seconds{remote=\"fin\"} 0\n"))
        #expect(text.contains("convosync_oldest_undelivered_age_seconds{remote=\"vg \\\"eu\\\"\\\\\\n\"} 90.5\n"), "labels are escaped")
        #expect(text.contains("convosync_calls_total{remote=\"fin\",outcome=\"delivered\"} 7\n"))
        #expect(
            text.contains("convosync_calls_total{remote=\"fin\",outcome=\"dead\"} 0\n"), "a series begins at 0, or its first step is lost")
        #expect(text.contains("convosync_call_duration_seconds_total{remote=\"fin\"} 1.25\n"))
        #expect(text.contains("convosync_outbox_rows{remote=\"fin\",state=\"held\"} 0\n"))
        #expect(text.contains("convosync_database_size_bytes 40960\n"))
        #expect(text.contains("# TYPE convosync_calls_total counter\n"))
    }

    /// The grammar of the text format 0.0.4.
    @Test func `every line is valid, and every family is described once and its lines are adjacent`() throws {
        var described: Set<String> = []
        var family = ""
        var kind = ""
        var series: Set<Substring> = []
        for line in page().split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("#") {
                try #require(words.count >= 4)
                #expect(["HELP", "TYPE"].contains(words[1]))
                if words[1] == "HELP" {
                    family = String(words[2])
                    #expect(described.insert(family).inserted, "\(family) stands in one place")
                } else {
                    #expect(words[2] == family)
                }
                if words[1] == "TYPE" { kind = String(words[3]) }
                continue
            }
            let name = line.prefix { $0 != "{" && $0 != " " }
            #expect(name == family)
            #expect(name.hasSuffix("_total") == (kind == "counter"))
            #expect(name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } && name.hasPrefix("convosync_"))
            let value = try #require(words.last)
            #expect(Double(value) != nil)
            #expect(series.insert(line.dropLast(value.count)).inserted, "no series twice")
        }
        #expect(described.count > 15)
    }

    @Test func `the file is replaced as a whole and is readable for everybody`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("convosync.prom")
        let file = MetricsFile(path: path, log: EventLog(.init(), output: { _ in }))
        await file.write("one\n")
        let reader = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        await file.write("two\n")
        #expect(try reader.readToEnd() == Data("one\n".utf8), "who has it open keeps the version that it opened")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "two\n")
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o644)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["convosync.prom"], "nothing is left beside it")
    }

    @Test func `an existing file at the temporary name is never written to`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("convosync.prom")
        let temporary = "\(path).\(getpid()).tmp"
        let victim = directory.file("victim")
        let file = MetricsFile(path: path, log: EventLog(.init(), output: { _ in }))
        // A link to a file, a link to nothing, another name of a file, the leftover of a crash.
        for plant in [
            { try FileManager.default.createSymbolicLink(atPath: temporary, withDestinationPath: victim) },
            { try FileManager.default.createSymbolicLink(atPath: temporary, withDestinationPath: victim + ".missing") },
            { try FileManager.default.linkItem(atPath: victim, toPath: temporary) },
            { try "half".write(toFile: temporary, atomically: false, encoding: .utf8) },
        ] as [() throws -> Void] {
            try "precious".write(toFile: victim, atomically: true, encoding: .utf8)
            try plant()
            await file.write("metrics\n")
            #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "metrics\n")
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeRegular)
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o644)
            #expect(try Set(FileManager.default.contentsOfDirectory(atPath: directory.path)) == ["convosync.prom", "victim"])
        }
    }

    @Test func `a directory that cannot be written to is reported once, and again when it works`() async throws {
        let directory = try TemporaryDirectory()
        let lines = Mutex<[String]>([])
        let log = EventLog(.init(), hasPriorityPrefix: false, output: { line in lines.withLock { $0.append(line) } })
        let file = MetricsFile(path: directory.file("metrics/convosync.prom"), log: log)
        for _ in 0..<3 { await file.write("x\n") }
        #expect(lines.withLock { $0.filter { $0.contains("event=metrics.unavailable") }.count } == 1)
        try FileManager.default.createDirectory(atPath: directory.file("metrics"), withIntermediateDirectories: false)
        await file.write("x\n")
        #expect(lines.withLock { $0.last?.contains("event=metrics.available") == true && $0.last?.contains("failures=3") == true })
    }

    @Test func `counters never decrease, whatever the clock does`() {
        let tally = DeliveryTally()
        tally.countRun(hasFailed: false, from: now, to: now - .hours(1))
        #expect(tally.counts.lastRunSeconds == 0)
        #expect(tally.counts.runs == 1)
    }
}
