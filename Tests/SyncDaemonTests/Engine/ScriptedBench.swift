import Foundation
import GRDB
import SyncCore
import SyncHTTP
import SyncSQLite
import SyncStore
import Synchronization
import Testing

@testable import SyncDaemon

/// A real database and real engines in front of a remote whose responses the test decides.
struct ScriptedBench {
    typealias Answer = @Sendable (HTTPCall) async throws(TransportFailure) -> HTTPReply

    private struct Transport: HTTPTransport {
        let calls: Calls
        let answer: Answer

        func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
            calls.list.withLock { $0.append(call) }
            return try await answer(call)
        }

        func shutdown() async {}
    }

    final class Calls: Sendable {
        fileprivate let list = Mutex<[HTTPCall]>([])
        var all: [HTTPCall] { list.withLock { $0 } }
    }

    static let ok = HTTPReply(status: 200, body: Array(#"{"success":true}"#.utf8))

    let directory: URL
    let application: DatabaseQueue
    let store: Store
    let calls = Calls()
    let log = LogLines()
    let configuration: SyncDaemon.Configuration
    private let remote: String

    /// - Parameter remote: the name, which is the kind, of the one remote; `keys` are added to its table.
    init(_ remote: String = "vg", _ keys: String = "", conversations: Int = 3) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Data("token".utf8).write(to: directory.appendingPathComponent("token"))
        self.remote = remote
        configuration = try ScriptedBench.configuration(
            "[remotes.\(remote)]\nurl = \"https://\(remote).example.com\"\ntoken_file = \"token\"\n\(keys)", directory)
        store = try Store(path: configuration.databasePath, access: .migrating)
        var settings = GRDB.Configuration()
        settings.busyMode = .timeout(10)
        application = try DatabaseQueue(path: configuration.databasePath, configuration: settings)
        try await application.write { db in
            try db.execute(sql: "INSERT INTO users (id) VALUES ('u1')")
            for index in 1...conversations {
                try db.execute(sql: "INSERT INTO conversations (id, user_id) VALUES (?, 'u1')", arguments: ["c\(index)"])
                try db.execute(sql: "INSERT INTO links VALUES (?, 'vg', ?, 'a')", arguments: ["c\(index)", "v\(index)"])
            }
        }
    }

    private static func configuration(_ table: String, _ directory: URL) throws -> SyncDaemon.Configuration {
        let text = """
            database = { path = "convosync.db" }
            # What fails comes back when the test says so.
            retry = { base = "24h", cap = "24h" }
            \(table)
            """
        return try ConfigurationFile.parse(text, directory: directory.path)
    }

    /// Another configuration of the same remote, with these keys in its table.
    func configured(_ keys: String) throws -> SyncDaemon.Configuration {
        try ScriptedBench.configuration("[remotes.\(remote)]\n\(keys)", directory)
    }

    /// The stored gate of the remote.
    func storedGate() async throws -> RemoteGate.Stored? {
        try await store.status(of: configuration.remotes.map(\.participation)).remotes.first?.gate
    }

    func engine(_ answer: @escaping Answer = { _ in ScriptedBench.ok }) async throws -> TestEngine {
        try await TestEngine(configuration, store: store, log: eventLog, transport: Transport(calls: calls, answer: answer))
    }

    private var eventLog: EventLog {
        var settings = SyncDaemon.Configuration.Log()
        settings.level = .debug
        return EventLog(settings, hasPriorityPrefix: false, output: { [log] in log.add($0) })
    }

    func write(_ sql: String, _ arguments: StatementArguments = []) throws {
        try application.write { try $0.execute(sql: sql, arguments: arguments) }
    }

    func texts(_ sql: String) throws -> [String] {
        try application.read { try String.fetchAll($0, sql: sql) }
    }

    func close() {
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            Issue.record(error)
        }
    }
}
