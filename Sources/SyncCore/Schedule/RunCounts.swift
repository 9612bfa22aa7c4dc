/// What a run did, as it is stored and shown.
package struct RunCounts: Sendable, Equatable {
    package var examined = 0
    package var planned = 0
    package var delivered = 0
    /// Attempts that ended with the row back in line.
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
