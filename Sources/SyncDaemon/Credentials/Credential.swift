/// A bearer token, or the secret of a webhook. Prints as a placeholder, so that it cannot slip into a message.
package struct Credential: Sendable, Equatable, CustomStringConvertible {
    package let token: String
    package var description: String { "[token]" }
}

/// What a credential is for.
package enum CredentialKind: Sendable, Equatable {
    /// Calls to a remote carry it.
    case token
    /// Calls of a remote are signed with it.
    case secret

    /// As the configuration's keys and the log call it.
    package var noun: String { self == .token ? "token" : "secret" }
}

/// Why a credential cannot be read: what is missing and where, without the value.
package struct CredentialError: Error, Equatable, Sendable {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}
