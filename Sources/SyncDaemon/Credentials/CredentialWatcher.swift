import Dispatch
import SyncCore
import SyncSystem

/// Checks the files of tokens, or of the secrets of webhooks, so that a rotated or corrected one is in use within a second. What a check
/// means is decided by ``CredentialFile``.
///
/// Checks follow inotify events; as a net below them there is one at the start, at each reload and once a minute. Files are read on a
/// queue of their own.
actor CredentialWatcher {
    private let executor = DispatchQueueExecutor(label: "convosync.credentials")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// One change is several events: they are given this long to come together. In milliseconds.
    private static let settling = 50
    /// How long somebody may take to write a token, in milliseconds.
    private static let secondCheck = 500

    private struct Watched {
        let source: CredentialSource
        let path: String
        var file = CredentialFile()
    }

    private let kind: CredentialKind
    private let credentials: Credentials
    private let log: EventLog
    private let onChange: @Sendable ([String]) -> Void
    /// By remote.
    private var files: [String: Watched]
    private var watcher: FileWatcher?
    private var isStarted = false
    private var isCheckPlanned = false

    /// - Parameter onChange: told the names of the remotes whose files were replaced.
    init(
        _ sources: [String: CredentialSource], kind: CredentialKind = .token, credentials: Credentials, log: EventLog,
        onChange: @escaping @Sendable ([String]) -> Void
    ) {
        self.kind = kind
        self.credentials = credentials
        self.log = log
        self.onChange = onChange
        files = sources.compactMapValues { source in
            source.path().map { Watched(source: source, path: $0) }
        }
    }

    /// Checks all files now; the first time, watching begins.
    func check() {
        if !isStarted { start() }
        checkAll()
    }

    private func start() {
        isStarted = true
        guard !files.isEmpty else { return }
        watcher = FileWatcher(paths: files.values.map(\.path), mask: FileWatcher.replacements, queue: executor.queue) {
            @Sendable [weak self] events in self?.assumeIsolated { $0.take(events) }
        }
        if watcher == nil {
            log.write(
                LogEvent("watch.unavailable", level: .warning).with("path", files.values.map(\.path).sorted().joined(separator: ","))
                    .with("hint", "a new \(kind.noun) is found with the next run; check fs.inotify.max_user_instances"))
        }
    }

    private func take(_ events: FileWatcher.Events) {
        if watcher?.concern(events) == true { check(after: CredentialWatcher.settling) }
    }

    private func check(after milliseconds: Int) {
        guard !isCheckPlanned else { return }
        isCheckPlanned = true
        executor.queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { @Sendable [weak self] in
            self?.assumeIsolated { watcher in
                watcher.isCheckPlanned = false
                watcher.checkAll()
            }
        }
    }

    private func checkAll() {
        watcher?.watchAgain()
        var changed: [String] = []
        for (remote, watched) in files.sorted(by: { $0.key < $1.key }) {
            var file = watched.file
            let finding = file.check(FileStatus.ifPresent(watched.path), inForce: credentials[remote]) { () throws(CredentialError) in
                try watched.source.read(as: kind)
            }
            files[remote]?.file = file
            switch finding {
            case .unchanged: break
            case .replaced(let fresh):
                credentials[remote] = fresh
                log.write(LogEvent(kind == .token ? "credential.changed" : "webhook.secret_changed", level: .notice).with("remote", remote))
                changed.append(remote)
            case .writtenAgain: changed.append(remote)
            case .incomplete: check(after: CredentialWatcher.secondCheck)
            case .rejected(let error):
                log.write(
                    LogEvent(kind == .token ? "credential.rejected" : "webhook.secret_rejected", level: .warning).with("remote", remote)
                        .with("error", error.reason)
                        .with("hint", "the former \(kind.noun) stays in use"))
            }
        }
        if !changed.isEmpty { onChange(changed) }
    }
}
