import Fixtures
import Foundation
import GRDB
import Sandbox

/// A folder with configuration, token and database, the simulated remotes, and the application's connection.
struct Stage: Sendable {
    let folder: String
    let sandbox: SandboxServer
    let application: ApplicationDatabase

    static let remotes = ScenarioConfiguration.remotes
    static let webhookSecret = "torture-webhook-secret"

    var configurationPath: String { "\(folder)/convosync.toml" }
    var databasePath: String { application.path }
    var world: SandboxWorld { sandbox.world }

    /// - Parameters:
    ///   - folder: is created; nothing removes it.
    ///   - database: the file's path, in the folder; the folder of the file has to exist if it is another one.
    ///   - configure: changes of the configuration.
    static func make(
        in folder: String, seed: UInt64, database: String = "convosync.db",
        _ configure: (inout ScenarioConfiguration, SandboxServer) -> Void = { _, _ in }
    ) async throws -> Stage {
        try FileManager.default.createDirectory(atPath: "\(folder)/logs", withIntermediateDirectories: true)
        var settings = SandboxConfiguration()
        settings.seed = seed
        settings.recordLimit = 5_000_000
        let sandbox = try await SandboxServer.start(settings)
        var configuration = ScenarioConfiguration(url: sandbox.url(of:))
        configuration["database", "path"] = "\"\(database)\""
        // A change of all conversations is not a mistake here.
        configuration["brake", "enabled"] = "false"
        configure(&configuration, sandbox)
        try Data(settings.token.utf8).write(to: URL(filePath: "\(folder)/token"))
        try Data(webhookSecret.utf8).write(to: URL(filePath: "\(folder)/webhook-secret"))
        try Data(configuration.text.utf8).write(to: URL(filePath: "\(folder)/convosync.toml"))
        let migration = try ProgramRun(["migrate", "--config", "\(folder)/convosync.toml"], logPath: "\(folder)/logs/migrate.log")
        guard await migration.end() == 0 else { throw HarnessError("migrate failed: \(migration.log)") }
        return Stage(folder: folder, sandbox: sandbox, application: try ApplicationDatabase(path: "\(folder)/\(database)"))
    }

    /// - Parameter environment: besides what every process gets.
    func start(_ arguments: String..., log: String, environment: [String: String] = [:]) throws -> ProgramRun {
        try ProgramRun(
            arguments + ["--config", configurationPath], environment: environment, logPath: "\(folder)/logs/\(log).log")
    }

    /// The remotes call the program at this port when something changes there.
    func setWebhooks(_ port: Int) throws {
        for remote in Self.remotes {
            let target = WebhookTarget(url: "http://127.0.0.1:\(port)/hooks/\(remote)", secret: Self.webhookSecret)
            try world.setWebhook(target, on: remote)
        }
    }

    /// - Parameter keepsFiles: whether somebody is to look at the folder.
    func close(keepsFiles: Bool) async throws {
        try application.close()
        await sandbox.stop()
        if !keepsFiles { try FileManager.default.removeItem(atPath: folder) }
    }

    // MARK: At rest

    /// Rows and entries that are not done.
    func unfinished() async throws -> [String] {
        try await application.onThread {
            try $0.lines(
                """
                SELECT 'outbox', id, conversation_id, remote, state, last_error FROM outbox
                    WHERE state NOT IN ('delivered', 'superseded', 'discarded')
                UNION ALL SELECT 'change_feed', conversation_id, deferred, NULL, NULL, NULL FROM change_feed
                UNION ALL SELECT 'message_feed', message_id, NULL, NULL, NULL, NULL FROM message_feed LIMIT 20
                """)
        }
    }

    /// The local states that a remote does not hold.
    func differences() async throws -> [String] {
        let truths = try await application.onThread { try $0.queue.read { try Truth.all($0) } }
        return truths.flatMap { truth in truth.differences { world.state(of: $0, conversation: $1) } }
    }

    /// Waits until nothing waits, all remotes hold the local state, and a condition holds.
    /// - Returns: whether it came to that within the time.
    func settles(within timeout: Duration, and condition: @Sendable () async -> Bool = { true }) async throws -> Bool {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            if try await unfinished().isEmpty, try await differences().isEmpty, await condition() { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    /// Waits until the four remotes hold the local state, whatever waits for others.
    /// - Returns: whether it came to that within the time.
    func agrees(within timeout: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            if try await differences().isEmpty { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    var writeCount: Int { world.requests().lazy.compactMap(Call.init).count }
}
