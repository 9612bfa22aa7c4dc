import ArgumentParser
import Foundation
import SyncCore
import SyncDaemon

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a commented configuration for chosen remotes.",
        discussion: """
            Nothing that exists is overwritten. What has to be filled in is marked; `convosync check` finds what was forgotten. \
            Example: convosync init --remote helpdesk --remote vg --remote sales=vg
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        help: ArgumentHelp("A remote: helpdesk, fin, voicebot or vg, or NAME=KIND for a name of its own. Repeatable.", valueName: "remote"))
    var remote: [String] = []

    @Option(help: ArgumentHelp("Where to write (default: the configuration file; - for standard output).", valueName: "file"))
    var path: String?

    @Option(help: ArgumentHelp("The SQLite file that the application writes.", valueName: "file"))
    var database = "/var/lib/convosync/convosync.db"

    func validate() throws {
        guard !remote.isEmpty else { throw ValidationError("Name at least one remote: --remote helpdesk, fin, voicebot or vg.") }
        do {
            _ = try starter()
        } catch {
            throw ValidationError(error.reason)
        }
    }

    private func starter() throws(Refusal) -> StarterConfiguration {
        var remotes: [StarterConfiguration.Remote] = []
        for text in remote { remotes.append(try .init(text)) }
        let target = path.flatMap { $0 == "-" ? nil : $0 } ?? options.path
        let folder = (target as NSString).deletingLastPathComponent
        let absolute = target.hasPrefix("/") ? folder : folder.isEmpty ? currentFolder : "\(currentFolder)/\(folder)"
        return try StarterConfiguration(remotes: remotes, directory: absolute, databasePath: database)
    }

    private var currentFolder: String { FileManager.default.currentDirectoryPath }

    func run() async throws {
        try await reportingErrors {
            let starter = try starter()
            if path == "-" { return print(starter.text, terminator: "") }
            let target = path ?? options.path
            try starter.write(to: target)
            let tokens = starter.remotes.map { "       install -m 0640 /dev/stdin \(starter.tokenPath(of: $0))" }
            print(
                """
                \(target) is written. What remains:
                  1. fill in what is marked FILL IN
                  2. put each token into its file (paste it, then Control-D):
                \(tokens.joined(separator: "\n"))
                  3. convosync check --online
                  4. systemctl enable --now convosync
                """)
        }
    }
}
