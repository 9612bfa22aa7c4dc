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
            // Created first, so that a signal that arrives before the service is ready is not lost.
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
                // A database that is lost while the service runs has an event of its own, and the service has logged that it stops.
                await daemon.flushLog()
                throw error
            } catch {
                try await start.reporting(to: log, database: configuration.databasePath) { throw error }
            }
            await daemon.flushLog()
        }
    }
}
