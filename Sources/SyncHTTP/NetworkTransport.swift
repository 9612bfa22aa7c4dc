import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import SyncCore

/// ``HTTPTransport`` over async-http-client, with every bound set: by default that library follows redirects and waits for ever.
package final class NetworkTransport: HTTPTransport {
    /// Two loops serve every remote. The library's default is one per core of the host, whatever the service's CPU quota is.
    package static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    private let client: HTTPClient
    private let limits: HTTPLimits

    package init(_ limits: HTTPLimits) {
        self.limits = limits
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .milliseconds(limits.connectTimeout.milliseconds)
        // The library knows one silence only, before the first byte and after it; the shorter one is kept in `send`.
        configuration.timeout.read = .milliseconds(max(limits.firstByteTimeout, limits.readTimeout).milliseconds)
        configuration.timeout.write = .milliseconds(limits.readTimeout.milliseconds)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = limits.connections
        // Shorter than the keep-alive of common servers: a connection that both sides give up at once breaks a call.
        configuration.connectionPool.idleTimeout = .seconds(20)
        // A failed connection is an answer for the outbox, which has its own backoff.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroup: NetworkTransport.loops, configuration: configuration)
    }

    package func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
        var request = HTTPClientRequest(url: call.url)
        request.method = HTTPMethod(rawValue: call.method)
        for header in call.headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(string: call.body))
        do {
            let deadline = NIODeadline.now() + .milliseconds(limits.totalTimeout.milliseconds)
            let response = try await head(of: request, until: deadline)
            let body = try await AnswerBody(limits).collect(response.body, until: deadline)
            var headers: [String: String] = [:]
            for header in response.headers {
                let name = header.name.lowercased()
                headers[name] = headers[name].map { "\($0), \(header.value)" } ?? header.value
            }
            return HTTPReply(status: Int(response.status.code), headers: headers, body: Array(body.readableBytesView))
        } catch {
            throw NetworkTransport.failure(error)
        }
    }

    /// Waits for the head of the answer, as long as a new connection and the first byte may take together: whether a connection had to
    /// be made cannot be seen from here.
    private func head(of request: HTTPClientRequest, until deadline: NIODeadline) async throws -> HTTPClientResponse {
        let firstByte = NIODeadline.now() + .milliseconds((limits.connectTimeout + limits.firstByteTimeout).milliseconds)
        do {
            return try await client.execute(request, deadline: min(deadline, firstByte))
        } catch let error as HTTPClientError where error == .readTimeout || (error == .deadlineExceeded && firstByte < deadline) {
            throw TransportFailure(.timeout, detail: "no byte of the answer within the first-byte timeout")
        }
    }

    package func shutdown() async {
        // Shutting down twice, or with calls in flight, is an error to the library and none to us.
        try? await client.shutdown()
    }

    private static func failure(_ error: any Error) -> TransportFailure {
        switch error {
        case let error as TransportFailure: error
        case let error as HTTPClientError: failure(error)
        case is NIOTooManyBytesError: TransportFailure(.responseTooLarge, detail: "the answer is larger than allowed")
        case is CancellationError: TransportFailure(.cancelled, detail: "stopped before the answer came")
        case let error as IOError: failure(error)
        case let error as NIOConnectionError: failure(error)
        case HTTPParserError.invalidEOFState:
            TransportFailure(.connectionClosed, detail: "the connection was closed before the answer was complete")
        case is HTTPParserError: TransportFailure(.invalidResponse, detail: "the answer is no HTTP")
        case let error as ChannelError where error == .ioOnClosedChannel || error == .inputClosed || error == .outputClosed:
            TransportFailure(.connectionClosed, detail: "the connection was closed before the answer was complete")
        default: failure(named: "\(type(of: error))", text: "\(error)")
        }
    }

    private static func failure(_ error: HTTPClientError) -> TransportFailure {
        switch error {
        case .connectTimeout: TransportFailure(.connectTimeout, detail: "no connection within the connect timeout")
        case .readTimeout: TransportFailure(.timeout, detail: "the answer stopped for longer than the read timeout")
        case .writeTimeout: TransportFailure(.timeout, detail: "the call could not be written within the write timeout")
        case .deadlineExceeded: TransportFailure(.timeout, detail: "no complete answer within the total timeout")
        case .getConnectionFromPoolTimeout: TransportFailure(.connectTimeout, detail: "no free connection in time")
        case .remoteConnectionClosed:
            TransportFailure(.connectionClosed, detail: "the connection was closed before the answer was complete")
        case .cancelled, .alreadyShutdown:
            TransportFailure(.cancelled, detail: "stopped before the answer came")
        case .tlsHandshakeTimeout: TransportFailure(.connectTimeout, detail: "no TLS handshake within the connect timeout")
        default: failure(named: "HTTPClientError", text: error.shortDescription)
        }
    }

    private static func failure(_ error: NIOConnectionError) -> TransportFailure {
        if error.dnsAError != nil || error.dnsAAAAError != nil, error.connectionErrors.isEmpty {
            return TransportFailure(.nameResolution, detail: "the host name \(error.host) cannot be resolved")
        }
        let reason = error.connectionErrors.first.map { ($0.error as? IOError).map { failure($0).detail } ?? "\($0.error)" }
        return TransportFailure(.connectionRefused, detail: "\(error.host):\(error.port): \(reason ?? "no connection")")
    }

    private static func failure(_ error: IOError) -> TransportFailure {
        switch error.errnoCode {
        case ECONNREFUSED: TransportFailure(.connectionRefused, detail: "connection refused")
        case ECONNRESET, EPIPE: TransportFailure(.connectionClosed, detail: "the connection was reset")
        case ENETUNREACH, EHOSTUNREACH: TransportFailure(.connectionRefused, detail: "no route to the host")
        default: TransportFailure(.other, detail: "I/O error \(error.errnoCode)")
        }
    }

    /// TLS errors come from swift-nio-ssl, which is not a dependency of ours: they are known by their type's name.
    private static func failure(named name: String, text: String) -> TransportFailure {
        if name.contains("SSL") || name.contains("TLS") {
            return TransportFailure(.tls, detail: String(text.prefix(200)))
        }
        return TransportFailure(.other, detail: String("\(name): \(text)".prefix(200)))
    }
}
