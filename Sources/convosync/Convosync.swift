import ArgumentParser
import SyncDaemon
import SyncRemotes

/// The command line.
@main
struct Convosync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convosync",
        abstract: "Keeps conversations in step between a local SQLite file, \(Kinds.all.map(\.product).listed(with: "and")).",
        discussion: """
            Exit codes: 0 done, 64 usage, 65 a row became dead, 69 database unavailable, 70 internal error, \
            75 work still waits, 78 configuration wrong.
            """,
        version: ProgramVersion.current,
        subcommands: [
            Run.self, Sync.self, Plan.self, Status.self, Diff.self, Outbox.self, Pause.self, Resume.self, Resend.self, Init.self,
            Check.self,
            Migrate.self,
            Explain.self, Map.self,
        ])

    @OptionGroup var options: ConfigurationOptions

    static func main() async {
        do {
            var command = try parseAsRoot(ArgumentOrder.moveConfigurationBehindCommand(Array(CommandLine.arguments.dropFirst())))
            do {
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
            } catch let error as ValidationError {
                // The error was found while the command ran: the parser would show the usage of the program instead of the command's.
                Terminal.printError("Error: \(error.message)")
                Terminal.printError(usage(of: type(of: command)))
                throw ExitCode.wrongUsage
            }
        } catch {
            exit(withError: error)
        }
    }

    /// As the parser shows it below its own errors.
    private static func usage(of command: any ParsableCommand.Type) -> [String] {
        let usage = usageString(for: command)
        // The names of the program and its commands precede the first option or argument.
        let words = usage.split(separator: " ").prefix { !$0.hasPrefix("[") && !$0.hasPrefix("<") }
        let name = words.joined(separator: " ")
        return ["Usage: \(usage)", "  See '\(name) --help' for more information."]
    }
}

/// Allows `--config` before the command; the parser accepts it only after it.
enum ArgumentOrder {
    static func moveConfigurationBehindCommand(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var moved: [String] = []
        while let first = rest.first {
            if first == "--config", rest.count >= 2 {
                moved += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if first.hasPrefix("--config=") {
                moved.append(first)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        // Without a command, nothing is moved.
        guard let command = rest.first, !command.hasPrefix("-") else { return arguments }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        // As with any option that is given twice, the last one counts.
        let isGivenAgain = rest[..<end].contains { $0 == "--config" || $0.hasPrefix("--config=") }
        return Array(rest[..<end]) + (isGivenAgain ? [] : moved) + Array(rest[end...])
    }
}
