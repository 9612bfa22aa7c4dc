/// What a run did, as stored and shown.
package struct RunCounts: Sendable, Equatable {
    package var examined = 0
    package var planned = 0
    package var delivered = 0
    /// Attempts after which the row is pending again.
    package var putBack = 0
    /// Rows that became dead or uncertain.
    package var dead = 0

    package init() {}

    package mutating func add(_ other: RunCounts) {
        examined += other.examined
        planned += other.planned
        delivered += other.delivered
        putBack += other.putBack
        dead += other.dead
    }
}
