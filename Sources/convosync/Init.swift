import ArgumentParser
import FoundationEssentials
import SyncCore
import SyncDaemon
import SyncRemotes
import SyncSystem

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a commented configuration for chosen remotes.",
        discussion: """
            Nothing that exists is overwritten. What has to be filled in is marked; `convosync check` finds what was forgotten. The tables \
            for webhooks and polls are in the file, switched off. Example: convosync init --remote helpdesk --remote vg --remote sales=vg
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp("A remote: \(Kinds.all.listed), or NAME=KIND for a name of its own. Repeatable.", valueName: "remote"),
        completion: Completion.kinds)
    var remote: [String] = []

    @Option(
        help: ArgumentHelp("Where to write (default: the configuration file; - for standard output).", valueName: "file"),
        completion: .file())
    var path: String?

    @Option(help: ArgumentHelp("The SQLite file that the application writes.", valueName: "file"), completion: .file())
    var database = "/var/lib/convosync/convosync.db"

    private var isShown: Bool { path == "-" }

    /// The absolute path of the file to write.
    private var target: String {
        isShown ? options.path : path.map { FilePath.absolute($0, in: FileManager.default.currentDirectoryPath) } ?? options.path
    }

    func validate() throws {
        guard !remote.isEmpty else { throw ValidationError("Name at least one remote: --remote \(Kinds.all.listed).") }
        if isShown, output.json { throw ValidationError("--json and --path - both need standard output: give one of them.") }
        do {
            _ = try starter()
        } catch {
            throw ValidationError(error.reason)
        }
    }

    private func starter() throws(StarterConfigurationError) -> StarterConfiguration {
        var remotes: [StarterConfiguration.Remote] = []
        for text in remote { remotes.append(try .init(text)) }
        return try StarterConfiguration(
            remotes: remotes, directory: FilePath.folder(of: target),
            databasePath: FilePath.absolute(database, in: FileManager.default.currentDirectoryPath))
    }

    func run() async throws {
        try await reportingErrors {
            let starter = try starter()
            if isShown { return print(starter.text, terminator: "") }
            try starter.write(to: target)
            if output.json { print(json(starter).printableText) } else { Terminal.print(whatRemains(starter)) }
        }
    }

    // MARK: What remains

    private func whatRemains(_ starter: StarterConfiguration) -> [String] {
        var steps: [[String]] = []
        if !starter.placeholders.isEmpty {
            steps.append(["fill in what is marked FILL IN in \(target): \(starter.placeholders.joined(separator: ", "))"])
        }
        steps.append(
            ["put each token into its file (paste it, then Control-D):"]
                + starter.remotes.map { "     install -m 0640 /dev/stdin \(CommandText.quoted(starter.tokenPath(of: $0)))" })
        steps += [[checkCommand], [startCommand]]
        let numbered = steps.enumerated().flatMap { number, lines in
            lines.enumerated().map { $0.offset == 0 ? "  \(number + 1). \($0.element)" : "  \($0.element)" }
        }
        let isReadable = starter.remotes.contains { $0.kind.isReadable }
        let tables = isReadable ? "the poll tables, or [listen] and the webhook tables" : "[listen] and the webhook table"
        return ["\(target) is written. What remains:"] + numbered + [
            "Changes made at the remotes come back when you switch on \(tables), in the same file."
        ]
    }

    private var isUsualPath: Bool { target == ConfigurationOptions.installedPath }

    private var checkCommand: String { "convosync check --online\(isUsualPath ? "" : " --config \(CommandText.quoted(target))")" }

    /// The unit reads the default path.
    private var startCommand: String {
        isUsualPath ? "systemctl enable --now convosync" : "convosync run --config \(CommandText.quoted(target))"
    }

    private func json(_ starter: StarterConfiguration) -> JSONValue {
        [
            "path": .string(target), "database": .string(starter.databasePath),
            "remotes": .array(
                starter.remotes.map {
                    [
                        "name": .string($0.name), "kind": .string($0.kind.name), "token_file": .string(starter.tokenPath(of: $0)),
                        "webhook_secret_file": .string(starter.secretPath(of: $0)),
                    ]
                }),
            "fill_in": .array(starter.placeholders.map(JSONValue.string)),
            "next": [.string(checkCommand), .string(startCommand)],
        ]
    }
}
