import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import SyncCore

/// Translates errors of swift-nio.
extension TransportFailure {
    static let noConnectionInTime = TransportFailure(.connectTimeout, detail: "no connection within the connect timeout")
    static let closedInHandshake = TransportFailure(.connectionRefused, detail: "the connection was closed during the TLS handshake")

    static func unknownHost(_ host: String) -> TransportFailure {
        TransportFailure(.nameResolution, detail: bounded("the host name \(host) cannot be resolved"))
    }

    /// No connection was made.
    init(connecting error: any Error) {
        switch error {
        case let error as NIOConnectionError:
            let reason = error.connectionErrors.first.map { TransportFailure.reason($0.error) } ?? "no connection"
            self.init(.connectionRefused, detail: TransportFailure.bounded("\(error.host):\(error.port): \(reason)"))
        case ChannelError.connectTimeout: self = .noConnectionInTime
        case let error as IOError: self.init(.connectionRefused, detail: TransportFailure.reason(error))
        default: self.init(.connectionRefused, detail: TransportFailure.bounded("no connection: \(type(of: error))"))
        }
    }

    /// - Parameter isProven: whether a response has arrived on this connection. Before that a TLS alert refuses the handshake: with TLS 1.3
    ///   the peer may still do so when the call has already been written (RFC 8446, section 4.4.2.4), and then does not read it.
    init(onConnection error: any Error, with host: String, isProven: Bool) {
        switch error {
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE:
            self.init(.connectionClosed, detail: "the connection was reset")
        case let error as IOError where error.errnoCode == ETIMEDOUT:
            self.init(.connectionClosed, detail: "the connection was given up by the kernel")
        case let error as IOError: self.init(.connectionClosed, detail: "I/O error \(error.errnoCode)")
        case let error as BoringSSLError:
            let reason = SecurityReason(error)
            if !isProven, reason.isAlert {
                self.init(handshakeWith: host, failedBecauseOf: reason, certificate: nil, now: .now)
            } else {
                self.init(.connectionClosed, detail: TransportFailure.bounded("TLS with \(host) failed: \(reason.text)"))
            }
        case NIOSSLError.uncleanShutdown:
            self.init(.connectionClosed, detail: "the connection was closed without a TLS closure alert")
        default: self.init(.connectionClosed, detail: TransportFailure.bounded("the connection failed: \(type(of: error))"))
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else {
            return error is ChannelError ? "no connection in time" : "no connection: \(type(of: error))"
        }
        switch error.errnoCode {
        case ECONNREFUSED: return "connection refused"
        case ENETUNREACH, EHOSTUNREACH: return "no route to the host"
        default: return "I/O error \(error.errnoCode)"
        }
    }

    static func bounded(_ text: String) -> String { String(text.prefix(200)) }
}
