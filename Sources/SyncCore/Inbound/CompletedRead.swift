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

/// A read of a requested object that got no usable response: its request waits, so that the others are served.
package struct FailedRead: Sendable, Equatable {
    /// The longest time that an object is left alone.
    package static let longestRest = Duration.minutes(5)

    package var request: ReadRequest
    /// Requests made after this time do not wait.
    package var beganAt: Instant
    /// How long the object is left alone.
    package var rest: Duration

    package init(_ read: CompletedRead, rest: Duration) {
        request = read.request
        beganAt = read.beganAt
        self.rest = rest
    }
}
