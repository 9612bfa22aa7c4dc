import ArgumentParser
import FoundationEssentials
import SyncCore
import SyncDaemon
import SyncStore
import SyncSystem

/// Options that every command has.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The configuration file (default: $CONVOSYNC_CONFIG, or /etc/convosync/convosync.toml).", valueName: "path"),
        completion: Completion.configurations)
    var config: String?

    /// Absolute: the service shows it to commands that run in other folders.
    var path: String { FilePath.absolute(config ?? ConfigurationOptions.usualPath, in: FileManager.default.currentDirectoryPath) }

    /// The configuration file of the package.
    static let installedPath = "/etc/convosync/convosync.toml"
    static var usualPath: String { ProcessInfo.processInfo.environment["CONVOSYNC_CONFIG"] ?? installedPath }

    /// Reads the configuration. If root runs the command, it continues as the service's user (``ServiceUser``), so that it leaves no files that the
    /// service cannot write.
    ///
    /// - Parameter needsCredentials: whether the command needs tokens; if so, missing ones are reported with other problems.
    func load(needsCredentials: Bool = false) throws(ConfigurationError) -> Configuration {
        ServiceUser.assume(toLookAt: path)
        return try ConfigurationFile.load(path: path, checksCredentials: needsCredentials)
    }

    /// The most problems of the file that are listed by commands that work in spite of them.
    private static let problemLines = 3

    /// For commands that inspect the database and manage its rows: problems of the file are reported on standard error, and the command continues as
    /// long as the file names the database.
    func loadForOperator() throws(ConfigurationError) -> OperatorConfiguration {
        ServiceUser.assume(toLookAt: path)
        let configuration = try OperatorConfiguration.load(path: path)
        let problems = configuration.problems
        guard !problems.isEmpty else { return configuration }
        var lines = [
            "convosync: \(path) is broken: the service could not be started with it. This command goes on "
                + "with what can be read of it."
        ]
        lines += problems.prefix(ConfigurationOptions.problemLines).map { "  \($0)" }
        let rest = problems.count - ConfigurationOptions.problemLines
        lines.append(rest > 0 ? "  … and \(rest) more: convosync check" : "  convosync check looks at the rest")
        Terminal.printError(lines)
        return configuration
    }
}

extension OperatorConfiguration {
    /// Throws for a name that is neither in the configuration nor in the database.
    func checkRemote(_ name: String?, in store: Store) async throws {
        guard let name, !names.contains(name), try await store.knownRemotes()[name] == nil else { return }
        throw ValidationError(unknownRemote(name))
    }

    func unknownRemote(_ name: String) -> String { UnknownRemote.text(name, configured: names) }
}

enum UnknownRemote {
    static func text(_ name: String, configured: [String]) -> String {
        let names = configured.isEmpty ? "none" : configured.map(\.onOneLine).joined(separator: ", ")
        return "there is no remote \"\(name.onOneLine)\"; configured: \(names)\(Spelling.hint(name, among: configured).onOneLine)"
    }
}

/// The option of commands with output for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object instead of text.")
    var json = false
}

/// The documented exit codes (README.md, "Commands"; the numbers are those of sysexits.h).
extension ExitCode {
    static let wrongUsage = ExitCode(64)
    static let rowsBecameDead = ExitCode(65)
    static let databaseUnavailable = ExitCode(69)
    static let internalError = ExitCode(70)
    static let workStillWaits = ExitCode(75)
    static let configurationWrong = ExitCode(78)
}

extension ExitCode {
    /// The exit code for an error. Nil for an error that already determines how the command ends.
    init?(endingWith error: any Error) {
        switch error {
        case is ConfigurationError, is StarterConfigurationError: self = .configurationWrong
        case is StoreError: self = .databaseUnavailable
        case is ExitCode, is ValidationError: return nil
        default: self = .internalError
        }
    }
}

/// Reports errors on standard error, and converts them to an exit code.
func reportingErrors<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
        return try await body()
    } catch {
        guard let code = ExitCode(endingWith: error) else { throw error }
        switch error {
        case let error as ConfigurationError: Terminal.printError(error.problems.map { "convosync: configuration: \($0)" })
        case let error as StarterConfigurationError: Terminal.printError("convosync: configuration: \(error.reason)")
        case let error as StoreError: Terminal.printError("convosync: \(error)")
        default: Terminal.printError("convosync: internal error: \(error)")
        }
        throw code
    }
}
