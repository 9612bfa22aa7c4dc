import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show whether the service runs, what waits, and what needs a person. Works whether the service runs or not.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Show it in place, once a second, until Ctrl-C. Needs a terminal.") var watch = false

    func validate() throws {
        guard watch else { return }
        if output.json { throw ValidationError("--watch is for people; for a program call `convosync status --json` again and again") }
        guard Terminal.outputIsTerminal else {
            throw ValidationError("--watch needs a terminal; into a pipe or file, call `convosync status` again and again")
        }
    }

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.loadForOperator()
            if watch { return try await StatusWatch(configuration: configuration).run() }
            let store = try Store(path: configuration.databasePath, access: .reading)
            let view = try await StatusView(store, configuration)
            if output.json { print(view.json.printableText) } else { Terminal.print(view.lines) }
        }
    }
}
