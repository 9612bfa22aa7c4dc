import SyncCore

/// A call on its way out: complete, with the credential in its headers.
package struct HTTPCall: Sendable {
    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: String

    package init(method: String, url: String, headers: [(name: String, value: String)], body: String) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

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

/// The edge to the network: one call, one response or a reason why there is none. Never follows a redirect, and never repeats a call
/// to which the other side may have begun to respond.
package protocol HTTPTransport: Sendable {
    /// - Returns: a response whose header is complete. Why its body is not complete, if it is not, is in ``HTTPReply/bodyFailure``.
    func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply
    /// Closes idle connections; calls in flight are cancelled.
    func shutdown() async
}
