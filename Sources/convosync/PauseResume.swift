import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop deliveries to a remote. Survives restarts.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The remote's name.", completion: Completion.remotes) var remote: String

    func run() async throws {
        try await reportingErrors {
            let (_, store) = try await options.open(toManage: remote)
            defer { store.close() }
            let now = SystemClock.now()
            guard let pause = try await store.pause(remote, now: now) else { throw NotEntered.error(remote) }
            if output.json {
                print(
                    JSONValue.object([
                        "remote": .string(remote), "paused_at": .string(pause.pausedAt.iso8601), "was_paused": .bool(pause.wasPaused),
                    ]).printableText)
            } else if pause.wasPaused {
                Terminal.print("\(remote) is paused already, since \(DisplayedTime.text(pause.pausedAt, now: now))")
            } else {
                Terminal.print("\(remote) is paused; `convosync resume \(remote)` ends that")
            }
        }
    }
}

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resume deliveries to a remote.",
        discussion: """
            Ends a pause and a throttle, and has a parked remote tried at once. Says what was lifted, and what the remote's rows still wait for.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Also end the pause of an open breaker, and make rows due that wait for their next attempt.") var now = false
    @Argument(help: "The remote's name.", completion: Completion.remotes) var remote: String

    func run() async throws {
        try await reportingErrors {
            let (configuration, store) = try await options.open(toManage: remote)
            defer { store.close() }
            try await store.followClock()
            let moment = SystemClock.now()
            guard let resumption = try await store.resume(remote, attemptsNow: now, now: moment) else { throw NotEntered.error(remote) }
            let view = ResumeView(
                remote: remote, resumption: resumption, isDisabled: configuration.disables(remote), attemptsNow: now, now: moment)
            if output.json { print(view.json.printableText) } else { Terminal.print(view.lines) }
        }
    }
}

private enum NotEntered {
    /// The remote is not in the database, and the file does not name its kind.
    static func error(_ remote: String) -> ValidationError {
        ValidationError("the database does not know \"\(remote.onOneLine)\" yet, and the configuration does not say its kind")
    }
}

extension ConfigurationOptions {
    /// Opens the database, with a remote that is in the configuration or, if the configuration has problems, in the database.
    fileprivate func open(toManage remote: String) async throws -> (OperatorConfiguration, Store) {
        let configuration = try loadForOperator()
        guard configuration.names.contains(remote) || !configuration.isValid else {
            throw ValidationError(configuration.unknownRemote(remote))
        }
        let store = try Store(path: configuration.databasePath, access: .existing)
        try await configuration.checkRemote(remote, in: store)
        // A remote that no run has seen yet has to be stored first.
        try await store.enterRemotes(configuration.participations)
        return (configuration, store)
    }
}
