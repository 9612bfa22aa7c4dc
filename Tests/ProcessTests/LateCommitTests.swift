import Fixtures
import Foundation
import GRDB
import Sandbox
import Testing

/// Commits that become visible later than they are written, and databases behind symbolic links.
@Suite(.serialized) struct LateCommitTests {
    @Test func `a commit is sent soon after it is visible, long before the next interval, however slow the disk is`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            _ = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "revision 0 of c1")
            try await scenario.application.queue.writeWithoutTransaction { try SlowDisk.slow($0) }
            defer { SlowDisk.setDelay(milliseconds: 0) }
            for (number, delay) in [UInt32(90), 200, 350, 900].enumerated() {
                #expect(try await scenario.settle())
                SlowDisk.setDelay(milliseconds: delay)
                try await scenario.setTitle("late \(number)", of: "c1")
                let visibleAt = Int(Date().timeIntervalSince1970 * 1000)
                SlowDisk.setDelay(milliseconds: 0)
                let arrivedAt = try await scenario.request("vg", containing: "late \(number)").arrivedAt.milliseconds
                #expect(arrivedAt - visibleAt < 15_000, "\(delay) ms: \(arrivedAt - visibleAt) ms")
            }
        }
    }

    @Test func `a transaction that writes long before its end is sent at once when it is committed`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...40)
            _ = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            try await scenario.application.queue.writeWithoutTransaction { db in
                // A cache of a few pages: the rest is written to the log before the commit.
                try db.execute(sql: "PRAGMA cache_size = 5")
                try db.inTransaction(.immediate) {
                    try db.execute(sql: "UPDATE conversations SET title = 'spilt ' || id || hex(randomblob(2000))")
                    // The application takes its time over the transaction.
                    Delay.blocking(for: .milliseconds(1500))
                    return .commit
                }
            }
            let visibleAt = Int(Date().timeIntervalSince1970 * 1000)
            let arrivedAt = try await scenario.request("vg", containing: "spilt ").arrivedAt.milliseconds
            #expect(arrivedAt - visibleAt < 15_000, "\(arrivedAt - visibleAt) ms")
        }
    }

    @Test(arguments: [false, true])
    func `changes of a database behind symbolic links are detected at once`(isChain: Bool) async throws {
        try await withScenario { scenario in
            let files = FileManager.default
            for folder in ["links", "more"] {
                try files.createDirectory(atPath: "\(scenario.directory)/\(folder)", withIntermediateDirectories: true)
            }
            let link = "\(scenario.directory)/links/app.db"
            if isChain {
                try files.createSymbolicLink(atPath: "\(scenario.directory)/more/second.db", withDestinationPath: "../convosync.db")
                try files.createSymbolicLink(atPath: "\(scenario.directory)/folder", withDestinationPath: "more")
                try files.createSymbolicLink(atPath: link, withDestinationPath: "../folder/second.db")
            } else {
                try files.createSymbolicLink(atPath: link, withDestinationPath: "\(scenario.directory)/convosync.db")
            }
            try scenario.configure { $0["database", "path"] = "\"links/app.db\"" }
            try await scenario.addConversations(1...1)
            _ = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "revision 0 of c1")
            var delays: [Int] = []
            for number in 1...5 {
                #expect(try await scenario.settle())
                // Shortly after the daemon's own last check, so that its next regular check is most of a second away.
                let committedAt = Int(Date().timeIntervalSince1970 * 1000)
                try await scenario.setTitle("revision \(number)", of: "c1")
                delays.append(try await scenario.request("vg", containing: "revision \(number)").arrivedAt.milliseconds - committedAt)
            }
            #expect((delays.min() ?? 0) < 500, "milliseconds: \(delays)")
        }
    }

    /// Generous: a daemon in a busy loop uses all of it, even on a busy machine.
    @Test func `an idle daemon uses almost no CPU`() async throws {
        try await withScenario({ $0["schedule", "interval"] = "\"1s\"" }) { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            let (before, startedAt) = (try daemon.processorTime(), ContinuousClock.now)
            // Two intervals of the daemon, at least one of them whole.
            var seen = daemon.events.count
            for _ in 1...2 {
                try await daemon.event("run.finished", from: seen) { $0["cause"]?.string == "interval" }
                seen = daemon.events.count
            }
            let elapsed = startedAt.duration(to: .now) / .seconds(1)
            #expect(try daemon.processorTime() - before < 0.3 * elapsed, "in \(elapsed) s")
        }
    }
}
