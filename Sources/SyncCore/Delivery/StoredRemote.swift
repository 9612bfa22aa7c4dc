/// What the store remembers about a remote from before a restart.
package struct StoredRemote: Sendable, Equatable {
    package var gate: RemoteGate.Stored
    package var lastSuccessAt: String?
    /// Conversations that the remote reported as missing without confirmation.
    package var suspects: Set<String> = []
    /// The number of failed reads in a row.
    package var readFailures = 0

    package init(
        gate: RemoteGate.Stored, lastSuccessAt: String? = nil, suspects: Set<String> = [], readFailures: Int = 0
    ) {
        self.gate = gate
        self.lastSuccessAt = lastSuccessAt
        self.suspects = suspects
        self.readFailures = readFailures
    }
}
