import Synchronization

/// The tokens in force, by remote: every call takes the one of its moment.
package final class Credentials: Sendable {
    private let tokens: Mutex<[String: Credential]>

    package init(_ tokens: [String: Credential]) {
        self.tokens = Mutex(tokens)
    }

    package subscript(_ remote: String) -> Credential? {
        get { tokens.withLock { $0[remote] } }
        set { tokens.withLock { $0[remote] = newValue } }
    }

    /// Instead of all that were in force.
    func replace(with fresh: [String: Credential]) {
        tokens.withLock { $0 = fresh }
    }
}
