import SyncCore
import Synchronization

/// Watches the token files of the remotes that the configuration in force names.
final class TokenWatch: Sendable {
    private let watcher = Mutex<CredentialWatcher?>(nil)

    /// Instead of those that were watched before.
    /// - Parameter onChange: told the names of the remotes whose files were replaced.
    func watch(_ remotes: [Remote], _ credentials: Credentials, log: EventLog, onChange: @escaping @Sendable ([String]) -> Void) {
        let sources = Dictionary(remotes.map { ($0.name, $0.credential) }) { first, _ in first }
        let fresh = CredentialWatcher(sources, credentials: credentials, log: log, onChange: onChange)
        watcher.withLock { $0 = fresh }
        check()
    }

    /// A replacement that nobody noticed is found.
    func check() {
        guard let watcher = watcher.withLock({ $0 }) else { return }
        Task { await watcher.check() }
    }
}
