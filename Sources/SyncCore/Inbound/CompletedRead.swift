/// A read that got a response, whatever its content.
package struct CompletedRead: Sendable, Equatable {
    package var request: ReadRequest
    /// Requests made before this time have been served by the read.
    package var beganAt: Instant

    package init(_ request: ReadRequest, beganAt: Instant) {
        self.request = request
        self.beganAt = beganAt
    }
}
