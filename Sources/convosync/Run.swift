import ArgumentParser
import Glibc
import SyncCore
import SyncDaemon
import SyncStore

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run as a service, in the foreground.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await reportingErrors {
            // First of all: no signal is lost that comes before the service is ready.
            let signals = await ServiceSignals()
            let start = StartReport(command: "run", configurationPath: options.path, descriptor: STDOUT_FILENO)
            let configuration = try await start.reporting { try options.load(needsCredentials: true) }
            let log = EventLog(configuration.log)
            let daemon = try await start.reporting(to: log, database: configuration.databasePath) {
                try await Daemon(configurationPath: options.path, configuration: configuration, log: log, signals: signals)
            }
            do {
                try await daemon.run()
            } catch let error as StoreError {
                // A database that was lost in the middle has its own event, and the service has said that it stops.
                await daemon.flushLog()
                throw error
            } catch {
                try await start.reporting(to: log, database: configuration.databasePath) { throw error }
            }
            await daemon.flushLog()
        }
    }
}
