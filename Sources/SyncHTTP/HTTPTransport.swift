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

/// The edge to the network: one call, one response or a reason why there is none. Never follows a redirect, and never repeats a call
/// to which the other side may have begun to respond.
package protocol HTTPTransport: Sendable {
    /// - Returns: a response whose header is complete. Why its body is not complete, if it is not, is in ``HTTPReply/bodyFailure``.
    func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply
    /// Closes idle connections; calls in flight are cancelled.
    func shutdown() async
}
