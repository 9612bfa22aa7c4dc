import Fixtures
import Foundation
import Sandbox
import Synchronization
import Testing

/// The program as a process: four simulated remotes over loopback, a folder with configuration, token and database, and an application that
/// writes. A test gets it from ``withScenario(_:sandbox:_:)``.
final class ProgramScenario: Sendable {
    let sandbox: SandboxServer
    let application: ApplicationDatabase
    private let folder: TemporaryDirectory
    private let configuration: Mutex<ScenarioConfiguration>
    private let processes = Mutex<[ConvosyncProcess]>([])

    var world: SandboxWorld { sandbox.world }
    var directory: String { folder.path }
    var configurationPath: String { folder.file("convosync.toml") }

    fileprivate init(_ settings: SandboxConfiguration, _ change: (inout ScenarioConfiguration) -> Void) async throws {
        sandbox = try await SandboxServer.start(settings)
        folder = try TemporaryDirectory()
        var configuration = ScenarioConfiguration(url: sandbox.url(of:))
        change(&configuration)
        self.configuration = Mutex(configuration)
        try await MigratedDatabase.copy(to: folder.file("convosync.db"))
        application = try ApplicationDatabase(path: folder.file("convosync.db"))
        try write(settings.token, to: "token")
        try write(configuration.text, to: "convosync.toml")
    }

    /// Whatever happens, no process, no server and no file is left behind.
    fileprivate func cleanUp() async {
        for process in processes.withLock({ $0 }) { await process.killAndWait() }
        // A connection that is still in use closes later; its files go all the same.
        try? application.close()
        await sandbox.stop()
    }

    func write(_ text: String, to file: String) throws {
        try folder.write(text, to: file)
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
        let process = try ConvosyncProcess(
            program, arguments, environment: ConvosyncProcess.environment.merging(environment) { _, given in given })
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
    _ body: (ProgramScenario) async throws -> Void
) async throws {
    let scenario = try await ProgramScenario(settings, configure)
    do {
        try await body(scenario)
    } catch {
        await scenario.cleanUp()
        throw error
    }
    await scenario.cleanUp()
}
