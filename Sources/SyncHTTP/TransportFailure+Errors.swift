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

    /// - Parameter mayBeRefused: whether the peer may still refuse the handshake (``SecurityReason/refusesHandshake``).
    init(onConnection error: any Error, with host: String, mayBeRefused: Bool) {
        switch error {
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE:
            self.init(.connectionClosed, detail: "the connection was reset")
        case let error as IOError where error.errnoCode == ETIMEDOUT:
            self.init(.connectionClosed, detail: "the connection was given up by the kernel")
        case let error as IOError: self.init(.connectionClosed, detail: "I/O error \(error.errnoCode)")
        case let error as BoringSSLError:
            self.init(afterHandshakeWith: host, failedBecauseOf: SecurityReason(error), mayBeRefused: mayBeRefused)
        case NIOSSLError.uncleanShutdown:
            self.init(.connectionClosed, detail: "the connection was closed without a TLS closure alert")
        default: self.init(.connectionClosed, detail: TransportFailure.bounded("the connection failed: \(type(of: error))"))
        }
    }

    /// Our side of the handshake is complete, and the call may have been written. A peer that refuses the handshake now does not read the call;
    /// any other failure leaves that open.
    init(afterHandshakeWith host: String, failedBecauseOf reason: SecurityReason, mayBeRefused: Bool) {
        if mayBeRefused, reason.refusesHandshake {
            self.init(handshakeWith: host, failedBecauseOf: reason, certificate: nil, now: .now)
        } else {
            self.init(.connectionClosed, detail: TransportFailure.bounded("TLS with \(host) failed: \(reason.text)"))
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else {
            return error is ChannelError ? "no connection in time" : "no connection: \(type(of: error))"
        }
        switch error.errnoCode {
        case ECONNREFUSED: return "connection refused"
        case ENETUNREACH, EHOSTUNREACH: return "no route to the host"
        case EMFILE, ENFILE: return "too many open files on this machine (LimitNOFILE= of the unit)"
        default: return "I/O error \(error.errnoCode)"
        }
    }

    static func bounded(_ text: String) -> String { String(text.prefix(200)) }
}
