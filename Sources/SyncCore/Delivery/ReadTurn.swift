/// Decides how many calls of those that the rate admits a read leaves to deliveries.
///
/// | event                | a read leaves                                                          |
/// |----------------------|------------------------------------------------------------------------|
/// | a row is claimed     | its call                                                               |
/// | a read went out      | the next call, if rows wait; that one time                             |
/// | a delivery went out  | nothing                                                                |
///
/// Runs begin with reading. At a rate of a call in a minute, reads that come first each time would take all calls there are.
package struct ReadTurn: Equatable, Sendable {
    private var wasRead = false

    package init() {}

    package mutating func readAdmitted() { wasRead = true }

    package mutating func deliveryAdmitted() { wasRead = false }

    /// To be asked once by every read that wants to go out.
    /// - Parameters:
    ///   - claimed: rows that are claimed, or are being claimed, and have not gone out.
    ///   - rowsWait: whether rows may be due that are not claimed.
    package mutating func callsLeft(claimed: Int, rowsWait: Bool) -> Int {
        defer { wasRead = false }
        return max(claimed, wasRead && rowsWait ? 1 : 0)
    }
}
