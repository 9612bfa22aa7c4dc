import Dispatch
import SyncCore
import SyncSystem

/// Reads a token, or the secret of a webhook, again when its file changes, so that a rotated or corrected one is in use within a second.
///
/// | a look finds                          | next                                                                 |
/// |---------------------------------------|----------------------------------------------------------------------|
/// | the file as it was                    | nothing                                                              |
/// | another file with a token             | that token is in force; its remote is told, also when it is the same |
/// | a file without a usable token         | another look, half a second later: somebody may be writing it        |
/// | the same without a usable token again | one report; the former token stays in force                          |
///
/// Looks follow inotify events, and as a net below them every run looks once, and the service once a minute. Files are read on a queue of
/// their own.
actor CredentialWatcher {
    private let executor = DispatchQueueExecutor(label: "convosync.credentials")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// One change is several events: they are given this long to come together.
    private static let settling = 50
    /// How long somebody may take to write a token, in milliseconds.
    private static let secondLook = 500

    private struct File {
        var source: CredentialSource
        var path: String
        /// Nil when there is no such file.
        var status: FileStatus?
        /// The first look only takes note: the token was read shortly before.
        var isKnown = false
        /// Has been found without a usable token once.
        var isSuspect = false
    }

    private let kind: CredentialKind
    private let credentials: Credentials
    private let log: EventLog
    private let onChange: @Sendable ([String]) -> Void
    /// By remote.
    private var files: [String: File]
    private var watcher: FileWatcher?
    private var isStarted = false
    private var isLookPlanned = false

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
            source.path().map { File(source: source, path: $0) }
        }
    }

    /// To be called at the beginning of every run, and once a minute.
    func runBegins() {
        if !isStarted { start() }
        look()
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
        if watcher?.concern(events) == true { look(after: CredentialWatcher.settling) }
    }

    private func look(after milliseconds: Int) {
        guard !isLookPlanned else { return }
        isLookPlanned = true
        executor.queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { @Sendable [weak self] in
            self?.assumeIsolated { watcher in
                watcher.isLookPlanned = false
                watcher.look()
            }
        }
    }

    private func look() {
        watcher?.watchAgain()
        var changed: [String] = []
        for (remote, file) in files.sorted(by: { $0.key < $1.key }) where look(at: file, of: remote) { changed.append(remote) }
        if !changed.isEmpty { onChange(changed) }
    }

    /// True when the file was replaced and has a token.
    private func look(at known: File, of remote: String) -> Bool {
        var file = known
        // Before reading: what is written meanwhile is another change.
        file.status = FileStatus.ifPresent(file.path)
        let isSame = file.status == known.status
        guard !isSame || known.isSuspect else { return false }
        defer { files[remote] = file }
        do {
            let fresh = try file.source.read(as: kind)
            file.isSuspect = false
            file.isKnown = true
            let isNew = fresh != credentials[remote]
            if isNew {
                credentials[remote] = fresh
                log.write(LogEvent(kind == .token ? "credential.changed" : "webhook.secret_changed", level: .notice).with("remote", remote))
            }
            return isNew || known.isKnown
        } catch {
            if known.isSuspect, isSame {
                file.isSuspect = false
                log.write(
                    LogEvent(kind == .token ? "credential.rejected" : "webhook.secret_rejected", level: .warning).with("remote", remote)
                        .with("error", error.reason)
                        .with("hint", "the former \(kind.noun) stays in use"))
            } else {
                file.isSuspect = true
                look(after: CredentialWatcher.secondLook)
            }
            return false
        }
    }
}
