import Foundation
import GRDB
import SeededRandom
import SyncCore
import SyncSQLite
import SyncStore
import Testing

@testable import SyncDaemon

/// A real database, a real engine, simulated remotes.
struct Bench {
    let directory: URL
    let application: DatabaseQueue
    let engine: TestEngine
    let remotes: SimulatedRemotes
    private let store: Store

    init(seed: UInt64, faultShare: Int) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Data("token".utf8).write(to: directory.appendingPathComponent("token"))
        let configuration = try ConfigurationFile.parse(Bench.configuration, directory: directory.path)
        store = try Store(path: configuration.databasePath, access: .migrating)
        let remotes = SimulatedRemotes(seed: seed, faultShare: faultShare)
        self.remotes = remotes
        let log = EventLog(configuration.log, hasPriorityPrefix: false, output: { _ in })
        engine = try await TestEngine(
            configuration, store: store, log: log, seed: seed, transport: SimulatedTransport(remotes: remotes))
        var settings = GRDB.Configuration()
        settings.busyMode = .timeout(10)
        application = try DatabaseQueue(path: configuration.databasePath, configuration: settings)
        try await application.write { db in
            try db.execute(sql: "INSERT INTO users (id, name) VALUES ('u1', 'Jane Doe')")
            try db.execute(sql: "INSERT INTO assignees VALUES ('jane', 'voicebot', '7')")
            for index in 0..<25 {
                try db.execute(sql: "INSERT INTO conversations (id, title, user_id) VALUES (?, '0', 'u1')", arguments: ["c\(index)"])
                try db.execute(sql: "INSERT INTO links VALUES (?, 'voicebot', ?, NULL)", arguments: ["c\(index)", "\(index)"])
                try db.execute(sql: "INSERT INTO links VALUES (?, 'vg', ?, 'a')", arguments: ["c\(index)", "c\(index)"])
            }
        }
    }

    private static let configuration = """
        [database]
        path = "convosync.db"
        [schedule]
        stall = "2s"
        [retry]
        base = "1ms"
        cap = "4ms"
        max_attempts = 10000
        [remotes.helpdesk]
        url = "https://helpdesk.example.com"
        token_file = "token"
        breaker = { min_sample = 100000 }
        [remotes.fin]
        url = "https://fin.example.com"
        token_file = "token"
        breaker = { min_sample = 100000 }
        [remotes.voicebot]
        url = "https://voicebot.example.com"
        token_file = "token"
        breaker = { min_sample = 100000 }
        [remotes.vg]
        url = "https://vg.example.com"
        token_file = "token"
        breaker = { min_sample = 100000 }
        [remotes.vg.status]
        never_over = { ai-chatting = [] }
        """

    func change(_ id: String, title: String, status: String, assignee: String?) throws {
        try application.write {
            try $0.execute(
                sql: "UPDATE conversations SET title = ?, status = ?, assignee_id = ? WHERE id = ?",
                arguments: [title, status, assignee, id])
        }
    }

    func write(message: String, of id: String) throws {
        try application.write {
            try $0.execute(
                sql: "INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', ?)", arguments: [message, id, message])
        }
    }

    /// Attempts what is due, and what falls due, until nothing waits any more.
    func settle() async throws {
        let summary = try #require(await engine.owner.drain(until: SystemClock.uptime() + .minutes(1)))
        #expect(summary.error == nil)
        let left = try await application.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')")
        }
        #expect(left == 0 && summary.nextDue == nil, "the outbox did not become empty")
    }

    func close() async {
        await engine.stop(within: .seconds(1))
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            Issue.record(error)
        }
    }

    /// Compares what the remotes hold with the local truth.
    func expectEverythingArrived(messages: [String: [String]], seed: UInt64) throws {
        let world = remotes.world.withLock { $0 }
        try application.read { db in
            let undelivered = try Int.fetchOne(
                db, sql: "SELECT count(*) FROM outbox WHERE state NOT IN ('delivered', 'superseded', 'discarded')")
            #expect(undelivered == 0, "seed \(seed)")
            for row in try Row.fetchAll(db, sql: "SELECT id, title, status, assignee_id FROM conversations") {
                let id: String = row[0]
                let title: String = row[1]
                let status: String = row[2]
                let assignee: String? = row[3]
                let isOpen = status == "open"
                let helpdesk = world.objects["helpdesk.example.com\(id)"] ?? [:]
                #expect(helpdesk["title"] == .string(title) && helpdesk["status"] == .string(status), "seed \(seed): \(id)")
                #expect(helpdesk["assignee_id"] == .nullable(assignee), "seed \(seed): \(id)")
                let voicebot = world.objects["voicebot.example.com/conversations/\(id.dropFirst())"] ?? [:]
                let word = isOpen ? (assignee == nil ? "to-do" : "in-progress") : "done"
                #expect(voicebot["status"] == .string(word), "seed \(seed): \(id)")
                #expect((voicebot["user_id"] ?? .null) == (assignee == "jane" ? 7 : .null), "seed \(seed): \(id)")
                let vg = world.objects["vg.example.com/agents/a/convos/\(id)"] ?? [:]
                let state =
                    isOpen ? (assignee == nil ? "requested_chat" : assignee == "jane" ? "human-chatting" : "ai-chatting") : "ended_chat"
                #expect(vg["state"] == .string(state) && vg["title"] == .string(title), "seed \(seed): \(id)")
            }
            for (id, wanted) in messages {
                #expect(world.messages["fin.example.com\(id)"]?.count == wanted.count, "seed \(seed): \(id)")
                let arrived = world.messages["fin.example.com\(id)"] ?? []
                #expect(arrived == arrived.sorted(), "seed \(seed): \(id)")
            }
        }
    }
}
