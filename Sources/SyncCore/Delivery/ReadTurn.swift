/// Decides whether a read may take a free slot while deliveries wait.
///
/// | event                     | a read may go out                                                       |
/// |---------------------------|-------------------------------------------------------------------------|
/// | nothing waits to be sent  | at once                                                                   |
/// | deliveries wait           | after every ``deliveriesPerRead`` of them, before the next one      |
///
/// Without this rule, a long backlog would keep a remote from being read, and a poll cycle would take every call that a rate of one a
/// minute admits.
package struct ReadTurn: Equatable, Sendable {
    /// While deliveries wait, every fourth call may be a read.
    package static let deliveriesPerRead = 3

    private var deliveriesSinceRead = 0

    package init() {}

    package mutating func readAdmitted() { deliveriesSinceRead = 0 }

    package mutating func deliveryAdmitted() { deliveriesSinceRead += 1 }

    /// Whether the next call may be a read, whatever waits.
    package var isDue: Bool { deliveriesSinceRead >= ReadTurn.deliveriesPerRead }

    /// - Parameter deliveriesWait: whether rows are buffered that could go out now.
    package func mayRead(deliveriesWait: Bool) -> Bool { !deliveriesWait || isDue }
}
