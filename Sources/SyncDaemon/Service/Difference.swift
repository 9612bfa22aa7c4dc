import SyncCore
import SyncRemotes
import SyncStore

/// A field of a conversation in which a remote differs, and why this has not been corrected yet.
package struct Difference: Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        /// Not planned yet, or planned and due as soon as the remote accepts calls.
        case waiting
        /// It cannot be planned, and is put aside until somebody has corrected the cause.
        case putAside = "put_aside"
        case sending
        case retrying
        case held
        /// The remote refuses the call or this member of it, or the row was given up: the row is dead.
        case refused
        /// Sent, and it is unknown whether it arrived.
        case uncertain
        /// The value has no counterpart on the other side.
        case unmapped
        /// A person or retention discarded the row.
        case discarded
        case linkGone = "link_gone"
        /// Two conversations link to one object.
        case linkShared = "link_shared"
        /// Left out of the call, because the value cannot be sent.
        case omitted
        /// A rule keeps the remote's value.
        case left
        /// Nothing is due, and no reason is known.
        case unexplained
    }

    package var conversationID: String
    package var remote: String
    /// The remote's name of the field; `message` for a user's message, `link` for a whole object.
    package var field: String
    /// The local value as the remote would represent it.
    package var local: JSONValue
    /// The value that the remote was last known to hold; null if it holds none or if that is unknown.
    package var theirs: JSONValue
    /// False while the outcome of a call is unknown.
    package var isTheirsKnown = true
    package var reason: Reason
    /// One sentence for people, with the command that helps, if there is one.
    package var detail: String
    package var outboxID: Int64?
}
