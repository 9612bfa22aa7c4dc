import Foundation
import GRDB
import Sandbox
import Synchronization
import Testing

/// Four simulated remotes, a temporary directory with configuration, token and database, an application that writes, and the program.
final class Scenario: Sendable {
    let sandbox: SandboxServer
    let directory: String
    /// The application's own connection.
    let application: DatabaseQueue
    private let configuration: Mutex<ScenarioConfiguration>
    private let processes = Mutex<[ConvosyncProcess]>([])

    var world: SandboxWorld { sandbox.world }
    var configurationPath: String { "\(directory)/convosync.toml" }

    fileprivate init(_ settings: SandboxConfiguration, _ change: (inout ScenarioConfiguration) -> Void) async throws {
        sandbox = try await SandboxServer.start(settings)
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var configuration = ScenarioConfiguration(url: sandbox.url(of:))
        change(&configuration)
        self.configuration = Mutex(configuration)
        var settingsOfDatabase = Configuration()
        settingsOfDatabase.busyMode = .timeout(20)
        settingsOfDatabase.allowsUnsafeTransactions = true
        application = try DatabaseQueue(path: "\(directory)/convosync.db", configuration: settingsOfDatabase)
        try write(settings.token, to: "token")
        try write(configuration.text, to: "convosync.toml")
        let migrated = try await run("migrate")
        guard migrated.exitCode == 0 else { throw HarnessError("migrate failed: \(migrated.errorOutput)") }
    }

    /// Whatever happens, no process, no server and no file is left behind.
    fileprivate func cleanUp() async {
        for process in processes.withLock({ $0 }) { await process.killAndWait() }
        try? application.close()
        await sandbox.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func write(_ text: String, to file: String) throws {
        try text.write(toFile: "\(directory)/\(file)", atomically: true, encoding: .utf8)
    }

    /// Changes the configuration file. A running daemon reads it after SIGHUP.
    func configure(_ change: @Sendable (inout ScenarioConfiguration) -> Void) throws {
        let text = configuration.withLock { configuration in
            change(&configuration)
            return configuration.text
        }
        try write(text, to: "convosync.toml")
    }

    // MARK: The program

    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> ConvosyncProcess {
        try start(ConvosyncProcess.path, arguments, environment: environment)
    }

    /// Runs a script in bash.
    func startShell(_ script: String) throws -> ConvosyncProcess {
        try start("/bin/bash", ["--norc", "-c", script], environment: [:])
    }

    private func start(_ program: String, _ arguments: [String], environment: [String: String]) throws -> ConvosyncProcess {
        // A crash must not write a report to the log, and must not take minutes for it.
        var all = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
        for name in ["LD_LIBRARY_PATH", "HOME", "LLVM_PROFILE_FILE"] { all[name] = ProcessInfo.processInfo.environment[name] }
        all.merge(environment) { _, given in given }
        let process = try ConvosyncProcess(program, arguments, environment: all)
        processes.withLock { $0.append(process) }
        return process
    }

    /// Runs a command with this scenario's configuration to its end.
    func run(_ arguments: String..., within timeout: Duration = ConvosyncProcess.patience) async throws -> ConvosyncProcess.Result {
        try await start(arguments + ["--config", configurationPath]).end(within: timeout)
    }

    /// `sync --json`, which is expected to end with the given exit code.
    @discardableResult
    func sync(
        _ arguments: String..., expecting code: Int32 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> SandboxJSON {
        let result = try await start(["sync", "--json"] + arguments + ["--config", configurationPath]).end()
        #expect(result.exitCode == code, "\(result.output) \(result.errorOutput)", sourceLocation: sourceLocation)
        return try result.json
    }

    /// Starts the daemon; returns when it is ready.
    func startDaemon() async throws -> ConvosyncProcess {
        let process = try start(["run", "--config", configurationPath])
        try await process.event("service.ready")
        return process
    }
}

/// Runs a test in a scenario of its own and cleans up after it.
func withScenario(
    _ configure: (inout ScenarioConfiguration) -> Void = { _ in }, sandbox settings: SandboxConfiguration = SandboxConfiguration(),
    _ body: (Scenario) async throws -> Void
) async throws {
    let scenario = try await Scenario(settings, configure)
    do {
        try await body(scenario)
    } catch {
        await scenario.cleanUp()
        throw error
    }
    await scenario.cleanUp()
}
