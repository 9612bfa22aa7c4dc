import NIOCore
import NIOSSL
import SyncCore

/// Describes TLS failures: the host and the reason. These texts appear in the log, the outbox and `status`, so they contain none of the
/// library's own descriptions, which name files of the build.
extension TransportFailure {
    /// The certificates of this machine, or other things that TLS needs here, cannot be read.
    static let noSecureContext = TransportFailure(
        .tls, detail: "the trusted certificates of this machine cannot be read (package ca-certificates)", security: .other)

    /// TCP is established, TLS is not: the call has not been written.
    /// - Parameter certificate: the one that the peer presented, if it got that far.
    init(inHandshake error: any Error, with host: String, certificate: PresentedCertificate?, now: CertificateDate = .now) {
        switch error {
        case is IOError, is ChannelError, NIOSSLError.uncleanShutdown: self = .closedInHandshake
        case let error as NIOSSLError where error == .handshakeFailed(.sslError([.eofDuringHandshake])): self = .closedInHandshake
        case NIOSSLError.handshakeFailed(let error):
            self.init(handshakeWith: host, failedBecauseOf: SecurityReason(error), certificate: certificate, now: now)
        case let error as NIOSSLExtraError where error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch:
            self.init(otherName: host, certificate)
        case NIOSSLError.unableToValidateCertificate, NIOSSLError.noCertificateToValidate:
            self.init(certificateOf: host, certificate, now: now)
        case let error as NIOSSLExtraError where error == .invalidSNIHostname || error == .cannotUseIPAddressInSNI:
            self.init(.tls, detail: TransportFailure.bounded("TLS does not allow the host name \(host)"), security: .other)
        default:
            self.init(.tls, detail: TransportFailure.bounded("the TLS handshake with \(host) failed: \(type(of: error))"), security: .other)
        }
    }

    init(
        handshakeWith host: String, failedBecauseOf reason: SecurityReason, certificate: PresentedCertificate?, now: CertificateDate
    ) {
        switch reason.problem {
        case .unknownAuthority: self.init(certificateOf: host, certificate, now: now)
        case let problem: self.init(.tls, detail: TransportFailure.bounded(reason.sentence(about: host)), security: problem)
        }
    }

    /// BoringSSL does not report why it does not trust a certificate, so the reason is taken from the certificate itself.
    private init(certificateOf host: String, _ certificate: PresentedCertificate?, now: CertificateDate) {
        let (problem, cause): (SecurityProblem, String) =
            switch certificate {
            case nil: (.unknownAuthority, "it cannot be read")
            case let shown? where shown.notAfter < now: (.expired, "expired on \(shown.notAfter.text)")
            case let shown? where shown.notBefore > now: (.notYetValid, "not valid before \(shown.notBefore.text); here it is \(now.text)")
            case let shown? where shown.isSelfSigned: (.selfSigned, "self-signed")
            case let shown?:
                (
                    .unknownAuthority,
                    "issued by an unknown authority\(shown.issuer.map { " (\($0))" } ?? ""), or the server does not send its whole chain"
                )
            }
        self.init(.tls, detail: TransportFailure.bounded(TransportFailure.distrust(host, cause)), security: problem)
    }

    private init(otherName host: String, _ certificate: PresentedCertificate?) {
        let names = certificate?.names ?? []
        let cause = names.isEmpty ? "it names no host" : "it is for \(names.joined(separator: ", "))"
        self.init(.tls, detail: TransportFailure.bounded(TransportFailure.distrust(host, cause)), security: .otherName)
    }

    private static func distrust(_ host: String, _ cause: String) -> String {
        "the certificate of \(host.prefix(80)) is not trusted: \(cause)"
    }
}
