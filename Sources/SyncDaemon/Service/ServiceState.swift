import SyncCore
import SyncStore
import SyncSystem

/// Whether the service runs, derived from its row in the database and from the state of its process.
///
/// | row                                           | its process                        | the service          |
/// |-----------------------------------------------|------------------------------------|----------------------|
/// | none, or with a clean end                     | any                                | does not run         |
/// | no end                                        | is gone                            | does not run         |
/// | no end                                        | exists                             | runs                 |
/// | no end, a heartbeat within ``patience``       | cannot be seen (another container) | runs                 |
/// | no end, an older heartbeat                    | cannot be seen                     | does not run         |
package struct ServiceState: Equatable, Sendable {
    /// A service writes a heartbeat once a minute.
    package static let patience = Duration.minutes(3)

    package var isRunning: Bool
    package var pid: Int64
    package var version: String
    package var startedAt: String
    package var configurationPath: String
    package var configuredAt: String
    package var lastSeenAt: String
    /// Its process exists, but there was no heartbeat for longer than ``patience``.
    package var isSilent: Bool

    /// Nil if no service has used the database yet.
    package init?(
        _ service: StoredService?, now: Instant, isGone: (ProcessIdentity) -> Bool = ProcessIdentity.isGone,
        isVisible: (ProcessIdentity) -> Bool = ProcessIdentity.isVisible
    ) {
        guard let service else { return nil }
        lastSeenAt = service.seenAt
        let silence = Instant(iso8601: lastSeenAt).map { now - $0 } ?? .zero
        let isPresent = isVisible(service.process) ? !isGone(service.process) : silence <= ServiceState.patience && !isGone(service.process)
        isRunning = service.stoppedAt == nil && isPresent
        isSilent = isRunning && silence > ServiceState.patience
        pid = service.process.pid
        (version, startedAt) = (service.version, service.startedAt)
        (configurationPath, configuredAt) = (service.configurationPath, service.configuredAt)
    }

    /// Whether the configuration file was written after the service read it.
    package var isConfigurationStale: Bool {
        guard let configuredAt = Instant(iso8601: configuredAt), let file = FileStatus.ifPresent(configurationPath) else { return false }
        return file.modified / 1_000_000 > configuredAt.milliseconds
    }
}
