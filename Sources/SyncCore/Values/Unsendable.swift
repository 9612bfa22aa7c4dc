/// Why a conversation or a message cannot be sent as it is: what is wrong in its rows, where, and how to fix it. Its outbox row is dead
/// from the beginning, with this as its last error. Contains no personal values.
package struct Unsendable: Error, Equatable, Sendable {
    package var reason: String

    package init(_ reason: String) {
        self.reason = reason
    }

    /// The text for `outbox.last_error`.
    package var text: String { "not sendable: \(reason)" }
}

/// Why a response or a webhook call is not usable: what is wrong in it, and where. Contains no personal values.
package struct Unreadable: Error, Equatable, Sendable {
    package var reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}
