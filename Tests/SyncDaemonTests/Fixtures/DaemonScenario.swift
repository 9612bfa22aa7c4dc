import Fixtures
import SyncCore
import SyncHTTP
import SyncSQLite
import SyncStore
import Synchronization
import Testing

@testable import SyncDaemon

/// A configuration file, the store on its database, the application's connection, and engines in front of remotes that respond as the test
/// says.
struct DaemonScenario: ApplicationSide {
    typealias Response = @Sendable (HTTPCall) async throws(TransportFailure) -> HTTPReply

    private struct Transport: HTTPTransport {
        let calls: Calls
        let respond: Response

        func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
            calls.list.withLock { $0.append(call) }
            return try await respond(call)
        }

        func shutdown() async {}
    }

    final class Calls: Sendable {
        fileprivate let list = Mutex<[HTTPCall]>([])
        var all: [HTTPCall] { list.withLock { $0 } }
    }

    static let ok = HTTPReply(status: 200, body: Array(#"{"success":true}"#.utf8))

    private static let template = Result { try DatabaseTemplate { try Store(path: $0, access: .migrating).close() } }

    let directory: TemporaryDirectory
    let application: ApplicationDatabase
    let store: Store
    let calls = Calls()
    let log = LogLines()
    let configuration: SyncDaemon.Configuration

    /// Remotes as the tables of a configuration file have them, and no conversation. Their token files are named `token`.
    init(tables: String) throws {
        directory = try TemporaryDirectory()
        try directory.write("token", to: "token")
        configuration = try DaemonScenario.parse(tables, in: directory)
        try DaemonScenario.template.get().copy(to: configuration.databasePath)
        store = try Store(path: configuration.databasePath, access: .migrating)
        application = try ApplicationDatabase(path: configuration.databasePath)
    }

    /// One remote, and conversations `c1`, `c2`, … of one user with links to vg's `v1`, ….
    /// - Parameter remote: its name, which is the kind; `keys` are added to its table.
    init(_ remote: String = "vg", _ keys: String = "", conversations: Int = 3) throws {
        try self.init(
            tables: "[remotes.\(remote)]\nurl = \"https://\(remote).example.com\"\ntoken_file = \"token\"\n\(keys)")
        guard conversations > 0 else { return }
        try application.add(
            (1...conversations).map { SampleConversation("c\($0)", user: "u1", links: [.init("vg", "v\($0)", agent: "a")]) },
            users: [("u1", nil, nil)])
    }

    private static func parse(_ tables: String, in directory: TemporaryDirectory) throws -> SyncDaemon.Configuration {
        let text = """
            database = { path = "convosync.db" }
            # What fails comes back when the test says so.
            retry = { base = "24h", cap = "24h" }
            \(tables)
            """
        return try ConfigurationFile.parse(text, directory: directory.path)
    }

    /// Another configuration on the same database.
    func configured(tables: String) throws -> SyncDaemon.Configuration { try DaemonScenario.parse(tables, in: directory) }

    /// Another configuration of the one remote, whose table holds these keys.
    func configured(_ keys: String) throws -> SyncDaemon.Configuration {
        let remote = try #require(configuration.remotes.first)
        return try configured(tables: "[remotes.\(remote.name)]\n\(keys)")
    }

    /// The stored gate of the remote.
    func storedGate() async throws -> RemoteGate.Stored? {
        try await store.status(of: configuration.remotes.map(\.participation)).remotes.first?.gate
    }

    func engine(_ respond: @escaping Response = { _ in DaemonScenario.ok }) async throws -> TestEngine {
        try await TestEngine(configuration, store: store, log: eventLog, transport: Transport(calls: calls, respond: respond))
    }

    private var eventLog: EventLog {
        var settings = SyncDaemon.Configuration.Log()
        settings.level = .debug
        return EventLog(settings, hasPriorityPrefix: false, output: { [log] in log.add($0) })
    }
}
