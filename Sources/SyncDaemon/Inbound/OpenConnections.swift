import NIOCore
import Synchronization

/// Applies a ``ConnectionRoster`` to the connections of a listener.
final class OpenConnections: Sendable {
    private struct State {
        var roster: ConnectionRoster<ObjectIdentifier>
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state: Mutex<State>

    init(room: Int) {
        state = Mutex(State(roster: .init(room: room)))
    }

    func opened(_ channel: any Channel) {
        let crowdedOut = state.withLock { state -> (any Channel)? in
            state.channels[ObjectIdentifier(channel)] = channel
            return state.roster.opened(ObjectIdentifier(channel)).flatMap { state.channels.removeValue(forKey: $0) }
        }
        crowdedOut?.close(promise: nil)
    }

    func verified(_ channel: any Channel) {
        state.withLock { $0.roster.verified(ObjectIdentifier(channel)) }
    }

    func closed(_ channel: any Channel) {
        state.withLock { state in
            state.roster.closed(ObjectIdentifier(channel))
            state.channels[ObjectIdentifier(channel)] = nil
        }
    }
}
