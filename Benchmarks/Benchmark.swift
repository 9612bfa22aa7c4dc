import Foundation
import GRDB
import Sandbox
import SyncCore
import SyncDaemon
import SyncHTTP
import SyncSQLite
import SyncStore

/// `make bench`: measures the cost of the store compared with bare HTTP, and the cost of a run with nothing to do.
///
/// Quote the ratios: both sides of each are measured in one run on one machine.
@main
struct Benchmark {
    private static let links = 10_000
    private static let concurrency = 8

    static func main() async throws {
        let sandbox = try await SandboxServer.start(SandboxConfiguration())
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-bench-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data("sandbox-token".utf8).write(to: directory.appendingPathComponent("token"))

        let bare = try await bareCalls(sandbox)
        print(line("bare HTTP", "\(links) calls, \(concurrency) at once, nothing stored", bare, calls: links))

        let bench = try await Bench(sandbox: sandbox, directory: directory, links: links)
        let sync = try await bench.time("UPDATE conversations SET status = 'closed'")
        print(line("sync", "plan and deliver \(links) changed links, synchronous=FULL", sync, calls: links))
        let quiet = try await bench.time(nil)
        print(line("quiet run", "\(links) links, nothing changed", quiet, calls: nil))
        let one = try await bench.time("UPDATE conversations SET status = 'open' WHERE id = 'c1'")
        print(line("one change", "of \(links) links", one, calls: 1))
        print("")
        print("sync / bare HTTP      \(ratio(sync, bare))")
        print("quiet run / sync      \(ratio(quiet, sync))")
        await sandbox.stop()
    }

    private static func bareCalls(_ sandbox: SandboxServer) async throws -> Duration {
        let transport = NetworkTransport(HTTPLimits(connections: concurrency))
        let url = sandbox.url(of: "vg-bare")
        let clock = ContinuousClock()
        let elapsed = await clock.measure {
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<concurrency {
                    group.addTask {
                        for index in stride(from: worker, to: links, by: concurrency) {
                            _ = try? await transport.send(
                                HTTPCall(
                                    method: "PATCH", url: "\(url)/agents/a/convos/c\(index)",
                                    headers: [("Authorization", "Bearer sandbox-token"), ("Content-Type", "application/json")],
                                    body: #"{"conversation":{"state":"ended_chat"}}"#))
                        }
                    }
                }
            }
        }
        await transport.shutdown()
        return elapsed
    }

    private static func line(_ name: String, _ what: String, _ elapsed: Duration, calls: Int?) -> String {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let rate = calls.map { ", \(Int(Double($0) / seconds)) calls/s" } ?? ""
        return "\(name.padding(toLength: 12, withPad: " ", startingAt: 0)) \(Int(seconds * 1_000_000)) µs\(rate)  (\(what))"
    }

    private static func ratio(_ left: Duration, _ right: Duration) -> String {
        String(format: "%.3f", left / right)
    }
}

/// An engine on a database with this many linked conversations, in step with the sandbox.
private struct Bench {
    let owner: EngineOwner
    let application: DatabaseQueue

    init(sandbox: SandboxServer, directory: URL, links: Int) async throws {
        let configuration = try ConfigurationFile.parse(
            """
            [database]
            path = "bench.db"
            [log]
            level = "error"
            [brake]
            # Everything is closed at once, on purpose.
            enabled = false
            [remotes.vg]
            url = "\(sandbox.url(of: "vg"))"
            token_file = "token"
            agent_id = "a"
            """, directory: directory.path)
        let store = try Store(path: configuration.databasePath, access: .migrating)
        owner = try await EngineOwner.start(configuration, .init(store: store, log: EventLog(configuration.log)))
        owner.begin()
        application = try DatabaseQueue(path: configuration.databasePath)
        try await application.write { db in
            for index in 1...links {
                try db.execute(
                    sql: "INSERT INTO conversations (id, title, assignee_id) VALUES (?, ?, 'agent_fin')",
                    arguments: ["c\(index)", "Title \(index)"])
                try db.execute(sql: "INSERT INTO links VALUES (?, 'vg', ?, NULL)", arguments: ["c\(index)", "c\(index)"])
            }
        }
        _ = try await time(nil)
    }

    /// Makes a change, and measures the time until everything due has been attempted and recorded.
    func time(_ sql: String?) async throws -> Duration {
        if let sql { try await application.write { try $0.execute(sql: sql) } }
        return await ContinuousClock().measure { _ = await owner.drain() }
    }
}
