/// Limits of a call. All of them always apply.
package struct HTTPLimits: Equatable, Sendable {
    /// For a new connection with its TLS handshake.
    package var connectTimeout: Duration
    /// The longest wait between the end of writing the call and the first byte of its response.
    package var firstByteTimeout: Duration
    /// The longest wait between two parts of the response, and between two parts of a large call while it is written.
    package var readTimeout: Duration
    /// From the beginning of the call to the end of its response.
    package var totalTimeout: Duration
    /// In bytes, of the body; a longer body is cut off.
    package var maximumResponseSize: Int
    /// The most connections kept open.
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
