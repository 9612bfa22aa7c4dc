import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Resend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Forget what a remote acknowledged, and send it everything that is wanted now.",
        discussion: """
            For a remote that was restored from a backup or emptied. Nothing that it reports is adopted until it has acknowledged what is sent. \
            The brake applies. Messages are not sent again, and dead rows stay. If the command is killed, the service or the next run completes it.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Only this conversation, at the remote or at all of its remotes.", completion: Completion.conversations)
    var conversation: String?
    @Flag(help: "Only show what would happen.") var dryRun = false
    @Flag(help: "Do not ask.") var yes = false
    @Argument(help: "The remote's name.", completion: Completion.remotes) var remote: String?

    /// More conversations than this have to be confirmed.
    private static let handful = 5

    func validate() throws {
        guard remote != nil || conversation != nil else { throw ValidationError("name a remote, or a conversation with --conversation") }
    }

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.load()
            try check(remote, configuration)
            let store = try Store(path: configuration.databasePath, access: .existing)
            defer { store.close() }
            if let conversation, try await !store.hasConversation(conversation) {
                throw ValidationError(
                    "there is no conversation \"\(conversation.onOneLine)\" in \(configuration.databasePath.onOneLine)")
            }
            let scope = PreviewScope(conversationID: conversation, remote: remote)
            let now = SystemClock.now()
            let remotes = configuration.remotes.map(\.participation)
            let preview = try await store.previewResend(scope, configuration.parties.planContext(now: now))
            let ground = try await store.brakeGround(rememberedRows: configuration.brake.touchMinimum)
            let reach = preview.reduce(Brake.Reach()) { $0 + $1.reach }
            let view = ResendView(
                remotes: preview.filter { $0.conversations > 0 || $0.remote == remote },
                withMessages: remote == nil ? remotes.filter { $0.isEnabled && $0.receivesMessages }.map(\.name) : [], isDryRun: dryRun,
                brake: Brake(configuration.brake).judge(reach, of: ground.conversations))
            guard try dryRun || yes || confirm(view) else { return print("nothing was changed") }
            if !dryRun { try await store.resend(scope, at: remotes, now: now) }
            if output.json { print(view.json.printableText) } else { Terminal.print(view.lines) }
        }
    }

    private func check(_ remote: String?, _ configuration: Configuration) throws {
        guard let remote else { return }
        let names = configuration.remotes.map(\.name)
        guard names.contains(remote) else { throw ValidationError(UnknownRemote.text(remote, configured: names)) }
        guard let participation = configuration.enabledRemotes.first(where: { $0.name == remote })?.participation else {
            throw ValidationError(
                "\(remote.onOneLine) is disabled in the configuration: when it is enabled again, what differs is sent; then run this command"
            )
        }
        guard !participation.receivesMessages else {
            throw ValidationError(
                "\(remote.onOneLine) takes messages, and these are not sent again as a whole; `convosync outbox retry ID` sends a single one"
            )
        }
    }

    /// Confirms sending many conversations: prompts on a terminal, and requires --yes in scripts.
    private func confirm(_ view: ResendView) throws -> Bool {
        guard view.conversations > Resend.handful else { return true }
        guard Terminal.inputIsTerminal, Terminal.outputIsTerminal, !output.json else {
            Terminal.printError([
                "convosync: this would send \(view.conversations) conversations again; where nobody can be asked, more than "
                    + "\(Resend.handful) need --yes:", "  \(CommandText.repeated(with: "--yes"))",
                "Nothing was changed; --dry-run says what would be sent.",
            ])
            throw ExitCode.wrongUsage
        }
        Terminal.print(view.plan)
        print("send again? [y/N] ", terminator: "")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
