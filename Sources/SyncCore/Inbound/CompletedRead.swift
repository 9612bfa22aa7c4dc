/// A read that got a response, whatever it said.
package struct CompletedRead: Sendable, Equatable {
    package var request: ReadRequest
    /// What was asked for before that has been read.
    package var beganAt: Instant

    package init(_ request: ReadRequest, beganAt: Instant) {
        self.request = request
        self.beganAt = beganAt
    }
}
