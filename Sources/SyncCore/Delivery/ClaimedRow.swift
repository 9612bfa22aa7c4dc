/// An outbox row under a lease, with what its delivery needs.
package struct ClaimedRow: Sendable {
    package var id: Int64
    package var conversationID: String
    package var remote: String
    package var operation: String
    package var method: String
    package var path: String
    /// JSON text, sent exactly as it was stored.
    package var body: String
    package var idempotencyKey: String
    /// The delivery state; always `sending` here.
    package var row: OutboxRow
    /// The fields that the call carries; nil for messages.
    package var delta: Delta?
    /// Attempts before this one, whether they counted or not.
    package var earlierAttempts: Int
    package var lease: Int64
    package var leaseUntil: Instant
    /// What was known about the link when the row was claimed; it cannot change while the row is in flight.
    package var known: any KnownLink
    /// The numbers of the local changes that the row includes.
    package var numbers: ByAttribute<Int64>
    /// A person released the row: it is not held again.
    package var isReleased: Bool
    /// When the remote reported the object as missing before, if that was not accepted.
    package var missingSince: Instant?
    /// The remote's id of the object that the row was planned for; the conversation's own id where a remote needs no link.
    package var targetID: String
    /// The effective agent when the row was planned (vg).
    package var agent: String?
    package var plannedAt: Instant

    package init(
        id: Int64, conversationID: String, remote: String, operation: String, method: String, path: String, body: String,
        idempotencyKey: String, row: OutboxRow, delta: Delta?, earlierAttempts: Int, lease: Int64, leaseUntil: Instant,
        known: any KnownLink, numbers: ByAttribute<Int64>, isReleased: Bool, missingSince: Instant?, targetID: String, agent: String?,
        plannedAt: Instant
    ) {
        self.id = id
        self.conversationID = conversationID
        self.remote = remote
        self.operation = operation
        self.method = method
        self.path = path
        self.body = body
        self.idempotencyKey = idempotencyKey
        self.row = row
        self.delta = delta
        self.earlierAttempts = earlierAttempts
        self.lease = lease
        self.leaseUntil = leaseUntil
        self.known = known
        self.numbers = numbers
        self.isReleased = isReleased
        self.missingSince = missingSince
        self.targetID = targetID
        self.agent = agent
        self.plannedAt = plannedAt
    }
}

extension ClaimedRow {
    /// Whether the row had already failed when it was claimed.
    package var isRetry: Bool { row.attempts > 0 }
}

/// What was known about a link when a row was claimed; decoded from the stored columns on access.
package protocol KnownLink: Sendable {
    var linkRecord: LinkRecord { get }
    /// When the remote last reported something by itself, or was read.
    var seenAt: Instant? { get }
    /// All values sent or reported for the conversation, so that they can be removed from error texts.
    var values: [JSONValue] { get }
}
