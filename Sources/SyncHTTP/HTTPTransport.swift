import NIOCore
import SyncCore

/// A call to send: complete, including the credential in its headers.
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

/// The edge to the network: one call, one response or a failure. Never follows a redirect, and never repeats a call to which the peer may
/// have begun to respond.
package protocol HTTPTransport: Sendable {
    /// - Returns: a response with a complete header. If its body is incomplete, the reason is in ``HTTPReply/bodyFailure``.
    func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply

    /// The same for code that runs on an event loop.
    /// - Parameter completion: called exactly once, on the loop, and never before this function has returned.
    /// - Returns: a function that cancels the call, which then ends with ``TransportFailure/Kind/cancelled``, unless its response has
    ///   arrived before. Has no effect on a call that has ended. To be called on the loop.
    func start(
        _ call: HTTPCall, on loop: any EventLoop, _ completion: @escaping (Result<HTTPReply, TransportFailure>) -> Void
    ) -> () -> Void

    /// Closes idle connections; calls in flight are cancelled.
    func shutdown() async
}

extension HTTPTransport {
    package func start(
        _ call: HTTPCall, on loop: any EventLoop, _ completion: @escaping (Result<HTTPReply, TransportFailure>) -> Void
    ) -> () -> Void {
        let completion = NIOLoopBound(completion, eventLoop: loop)
        let task = Task {
            let result: Result<HTTPReply, TransportFailure>
            do throws(TransportFailure) {
                result = .success(try await send(call))
            } catch {
                result = .failure(error)
            }
            loop.execute { completion.value(result) }
        }
        return { task.cancel() }
    }
}
