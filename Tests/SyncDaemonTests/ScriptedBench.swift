import Foundation
import GRDB
import SyncCore
import SyncHTTP
import SyncSQLite
import SyncStore
import Synchronization
import Testing

@testable import SyncDaemon

/// A real database and real engines in front of a remote that answers as the test says.
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

    final class Lines: Sendable {
        private let list = Mutex<[String]>([])
        func add(_ line: String) { list.withLock { $0.append(line) } }
        /// The names of the events that were logged.
        var events: [String] {
            list.withLock { $0 }.compactMap { line in
                line.split(separator: " ").first { $0.hasPrefix("event=") }.map { String($0.dropFirst(6)) }
            }
        }
    }

    /// Pauses are as long as they can be: what fails does not come back by chance while a test counts calls.
    private struct Longest: RandomNumberGenerator, Sendable {
        private var drawn: UInt64 = 0

        mutating func next() -> UInt64 {
            drawn += 1
            return .max - drawn
        }
    }

    static let ok = HTTPReply(status: 200, body: Array(#"{"success":true}"#.utf8))

    let directory: URL
    let application: DatabaseQueue
    let store: Store
    let calls = Calls()
    let log = Lines()
    let configuration: SyncDaemon.Configuration

    /// - Parameter remote: the name, which is the kind, of the one remote; `keys` are added to its table.
    init(_ remote: String = "vg", _ keys: String = "", stall: String = "2s", conversations: Int = 3) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Data("token".utf8).write(to: directory.appendingPathComponent("token"))
        let text = """
            database = { path = "convosync.db" }
            # What fails comes back when the test says so.
            retry = { base = "1h", cap = "1h" }
            schedule = { stall = "\(stall)" }
            [remotes.\(remote)]
            url = "https://\(remote).example.com"
            token_file = "token"
            \(keys)
            """
        configuration = try ConfigurationFile.parse(text, directory: directory.path)
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

    func engine(_ answer: @escaping Answer = { _ in ScriptedBench.ok }) async throws -> SyncEngine {
        try await engine(onWork: {}, answer)
    }

    func engine(onWork: @escaping @Sendable () -> Void, _ answer: @escaping Answer) async throws -> SyncEngine {
        let (calls, log) = (calls, log)
        let eventLog = EventLog(.init(), hasPriorityPrefix: false, output: { log.add($0) })
        return try await SyncEngine(
            configuration,
            .init(
                store: store, log: eventLog, random: RandomSource(Longest()),
                makeTransport: { _ in Transport(calls: calls, answer: answer) }),
            patience: .seconds(5), onWork: onWork)
    }

    func write(_ sql: String, _ arguments: StatementArguments = []) throws {
        try application.write { try $0.execute(sql: sql, arguments: arguments) }
    }

    func texts(_ sql: String) throws -> [String] {
        try application.read { try String.fetchAll($0, sql: sql) }
    }

    func close() {
        try? FileManager.default.removeItem(at: directory)
    }
}
