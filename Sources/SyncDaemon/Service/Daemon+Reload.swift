import SyncCore
import SyncStore

extension Daemon {
    /// Reloads the configuration. An invalid file changes nothing. A valid one takes effect at once, without waiting for calls in flight, which end
    /// under the previous one.
    func reload() async {
        notifier.reloading()
        defer { notifier.ready() }
        do {
            let fresh = try ConfigurationFile.load(path: configurationPath, checksCredentials: true)
            guard fresh.databasePath.hasSameBytes(as: configuration.databasePath) else {
                throw ConfigurationError(problems: [
                    .init(path: "", line: nil, message: "database.path has changed; that takes a restart")
                ])
            }
            try await adopt(fresh)
        } catch let error as ConfigurationError {
            for problem in error.problems { reject(problem.description) }
        } catch {
            reject("\(error)")
        }
    }

    /// Everything that can fail comes first: with a credential that cannot be read, an address that cannot be bound, or a database that cannot be
    /// written, nothing changes.
    private func adopt(_ fresh: Configuration) async throws {
        let tokens = try fresh.readCredentials(.token)
        let calls = try await webhooks.prepare(fresh)
        do {
            try await owner.configure(fresh, tokens)
        } catch {
            await webhooks.discard(calls)
            throw error
        }
        configuration = fresh
        await webhooks.adopt(calls)
        log.configure(fresh.log)
        metrics.configure(fresh)
        service.configuredAt = now().iso8601
        await recordService()
        log.write(
            LogEvent("config.reloaded", level: .notice).with("config", configurationPath)
                .with("remotes", fresh.enabledRemotes.map(\.name).joined(separator: ",")))
    }

    private func reject(_ reason: String) {
        log.write(
            LogEvent("config.rejected", level: .error).with("config", configurationPath).with("error", reason)
                .with("hint", "the configuration in force stays as it is"))
    }
}
