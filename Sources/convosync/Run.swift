import ArgumentParser
import SyncDaemon

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run as a service, in the foreground.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.load(needsCredentials: true)
            let log = EventLog(configuration.log)
            let daemon: Daemon
            do {
                daemon = try await Daemon(configurationPath: options.path, configuration: configuration, log: log)
            } catch {
                await log.flush(within: .seconds(1), stall: .seconds(1))
                throw error
            }
            do {
                try await daemon.run()
            } catch {
                await daemon.flushLog()
                throw error
            }
            await daemon.flushLog()
        }
    }
}
