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
    package var connectTimeout: Span
    /// The longest silence between the call and the first piece of its answer.
    package var firstByteTimeout: Span
    /// The longest silence between two pieces of the answer.
    package var readTimeout: Span
    /// From the beginning of the call to the end of its answer.
    package var totalTimeout: Span
    /// In bytes; a longer answer is a failure.
    package var maximumResponseSize: Int
    /// Connections kept open at most.
    package var connections: Int

    package init(
        connectTimeout: Span = .seconds(5), firstByteTimeout: Span = .seconds(15), readTimeout: Span = .seconds(15),
        totalTimeout: Span = .seconds(30), maximumResponseSize: Int = 4 << 20, connections: Int = 8
    ) {
        self.connectTimeout = connectTimeout
        self.firstByteTimeout = firstByteTimeout
        self.readTimeout = readTimeout
        self.totalTimeout = totalTimeout
        self.maximumResponseSize = maximumResponseSize
        self.connections = connections
    }
}

/// The edge to the network: one call, one answer or a reason why there is none. Never retries, never follows a redirect.
package protocol HTTPTransport: Sendable {
    func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply
    /// Closes idle connections; calls in flight are cancelled.
    func shutdown() async
}
