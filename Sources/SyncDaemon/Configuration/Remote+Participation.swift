import SyncCore
import SyncStore

extension UnreadRemote {
    /// Enough to find its links and rows, but not to plan anything.
    package var participation: RemoteParticipation? { kind.map { RemoteParticipation(name: name, kind: $0, isEnabled: isEnabled) } }
}
