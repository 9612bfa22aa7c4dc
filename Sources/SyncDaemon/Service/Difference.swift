import SyncCore
import SyncRemotes
import SyncStore

/// A field of a conversation in which a remote is out of step, and why nothing has put it right yet.
package struct Difference: Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        /// Not planned yet, or planned and due as soon as the remote takes calls.
        case waiting
        case sending
        case retrying
        case held
        /// The remote refuses the call or this member of it, or the row was given up: the row is dead.
        case refused
        /// Sent, and nobody knows whether it arrived.
        case uncertain
        /// The value has no counterpart on the other side.
        case unmapped
        /// A person discarded the row.
        case discarded
        case linkGone = "link_gone"
        /// Two conversations link to one object.
        case linkShared = "link_shared"
        /// Left out of the call, because the value cannot be sent.
        case omitted
        /// A rule leaves the remote's value alone.
        case left
        /// Nothing is due, and nothing says why.
        case unexplained
    }

    package var conversationID: String
    package var remote: String
    /// As the remote names it; `message` for what a user wrote, `link` for a whole object.
    package var field: String
    /// What the local row looks like over there.
    package var local: JSONValue
    /// What the remote was last known to hold; null where that is nothing, or not known.
    package var theirs: JSONValue
    /// False while the fate of a call is unknown.
    package var isTheirsKnown = true
    package var reason: Reason
    /// One sentence for people, with the command that helps where there is one.
    package var detail: String
    package var outboxID: Int64?
}
