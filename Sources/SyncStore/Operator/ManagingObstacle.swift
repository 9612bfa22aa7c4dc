import SyncCore

/// Why an action does not apply to a row that was selected.
package enum ManagingObstacle: Sendable, Equatable {
    /// There is no such row.
    case missing
    /// The row exists, but the other filters or the limit exclude it.
    case leftOut
    case state(OutboxState, holder: Holder?, supersededBy: Int64?)
    /// The remote may have the message already, and would treat a repetition as a second message.
    case mayHaveArrived(wasDiscarded: Bool)
    case messageDeleted
    /// Only a user's messages are sent.
    case messageOfAnotherAuthor
    /// Only the newest row of a message can be sent.
    case messagePlannedAnew
    /// Written by a newer version.
    case unknownState

    /// Begins with a verb: "is delivered".
    package var reason: String {
        switch self {
        case .missing: "does not exist"
        case .leftOut: "is left out by the other options"
        case .state(let state, _, _): "is \(state.rawValue)"
        case .mayHaveArrived(wasDiscarded: false): "is uncertain: it may have arrived; --accept-duplicate sends it all the same"
        case .mayHaveArrived(wasDiscarded: true):
            "was sent before it was discarded and may have arrived; --accept-duplicate sends it all the same"
        case .messageDeleted: "belongs to a message that was deleted"
        case .messageOfAnotherAuthor: "belongs to a message that is not the user's any more"
        case .messagePlannedAnew: "belongs to a message that was planned again since"
        case .unknownState: "has an unknown state"
        }
    }
}
