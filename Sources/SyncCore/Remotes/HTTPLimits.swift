/// Bounds of a call. Every one of them is always in force.
package struct HTTPLimits: Equatable, Sendable {
    /// For a new connection with its TLS handshake.
    package var connectTimeout: Duration
    /// The longest silence between the call, written to its end, and the first piece of its response.
    package var firstByteTimeout: Duration
    /// The longest silence between two pieces of the response, and between two pieces of a large call while it is written.
    package var readTimeout: Duration
    /// From the beginning of the call to the end of its response.
    package var totalTimeout: Duration
    /// In bytes, of the body; what is longer is cut off.
    package var maximumResponseSize: Int
    /// Connections kept open at most.
    package var connections: Int

    package init(
        connectTimeout: Duration = .seconds(5), firstByteTimeout: Duration = .seconds(15), readTimeout: Duration = .seconds(15),
        totalTimeout: Duration = .seconds(30), maximumResponseSize: Int = 4 << 20, connections: Int = 8
    ) {
        self.connectTimeout = connectTimeout
        self.firstByteTimeout = firstByteTimeout
        self.readTimeout = readTimeout
        self.totalTimeout = totalTimeout
        self.maximumResponseSize = maximumResponseSize
        self.connections = connections
    }
}
