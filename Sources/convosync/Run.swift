import ArgumentParser
import SyncDaemon

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run as a service, in the foreground.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.load()
            let log = EventLog(configuration.log)
            try await Daemon(configurationPath: options.path, configuration: configuration, log: log).run()
        }
    }
}
