import ArgumentParser
import SyncCore
import SyncDaemon
import SyncStore

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop deliveries to a remote. Survives restarts.")

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The remote's name.", completion: Completion.remotes) var remote: String

    func run() async throws { try await setPaused(true, remote, options) }
}

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Resume deliveries to a paused remote.")

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The remote's name.", completion: Completion.remotes) var remote: String

    func run() async throws { try await setPaused(false, remote, options) }
}

private func setPaused(_ isPaused: Bool, _ remote: String, _ options: ConfigurationOptions) async throws {
    try await reportingErrors {
        let configuration = try options.load()
        guard configuration.remotes.contains(where: { $0.name == remote }) else {
            throw ValidationError(
                "there is no remote \"\(remote.onOneLine)\"; configured: \(configuration.remotes.map(\.name.onOneLine).joined(separator: ", "))"
            )
        }
        let store = try Store(path: configuration.databasePath, access: .existing)
        // A remote that no run has seen yet is entered first.
        try await store.enterRemotes(configuration.remotes.map(\.participation))
        _ = try await store.setPaused(isPaused, remote: remote, now: SystemClock.now())
        Terminal.print("\(remote) is \(isPaused ? "paused" : "resumed")")
    }
}
