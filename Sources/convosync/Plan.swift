import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a run would send, as a diff from what each remote acknowledged. Sends and writes nothing.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Only this remote.", completion: Completion.remotes) var remote: String?
    @Argument(help: "Only this conversation: conversations.id.", completion: Completion.conversations) var conversation: String?

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.load()
            let scope = PreviewScope(conversationID: conversation, remote: remote)
            if let remote {
                let names = configuration.remotes.map(\.name)
                guard names.contains(remote) else { throw ValidationError(UnknownRemote.text(remote, configured: names)) }
                guard configuration.enabledRemotes.contains(where: { $0.name == remote }) else {
                    throw ValidationError("\(remote.onOneLine) is disabled in the configuration: nothing is planned for it")
                }
            }
            let store = try Store(path: configuration.databasePath, access: .reading)
            if let conversation, try await !store.hasConversation(conversation) {
                throw ValidationError(
                    "there is no conversation \"\(conversation.onOneLine)\" in \(configuration.databasePath.onOneLine)")
            }
            let now = SystemClock.now()
            let view = PlanView(isJSON: output.json, scope: scope, now: now)
            let brake = Brake(configuration.brake)
            try await store.preview(
                configuration.parties.planContext(now: now), of: scope, rememberedRows: configuration.brake.touchMinimum
            ) { page in
                for item in page { view.show(item) }
            }
            let ground = try await store.brakeGround(rememberedRows: configuration.brake.touchMinimum)
            // The brake judges everything that is due, so a partial preview is not judged.
            view.finish(scope.isEverything ? brake.judge(view.reach, of: ground.conversations) : nil)
        }
    }
}
