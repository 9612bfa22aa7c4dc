import NIOSSL
import SyncCore

/// Why BoringSSL ended a handshake.
///
/// For a failed handshake swift-nio-ssl provides the type and, as a line of text, BoringSSL's number and name of the reason: `Error:
/// 268435581 error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at FILE:LINE`. The number determines the kind
/// (openssl/ssl.h, `SSL_R_…`), the name is for people.
struct SecurityReason: Equatable {
    enum Kind: Equatable {
        /// The peer's certificate is not trusted.
        case untrustedCertificate
        /// The peer does not speak TLS.
        case notSpoken
        case noCommonVersion
        /// No agreement for another reason.
        case noAgreement
        /// The peer sent an alert, and ends the connection.
        case alert(Alert)
        case other
    }

    /// TLS alerts, by their numbers (RFC 8446, section 6; RFC 5246, section 7.2).
    struct Alert: Equatable {
        let number: UInt32

        static let protocolVersion = Alert(number: 70)
        static let unrecognizedName = Alert(number: 112)

        /// Whether the alert is about our client certificate, or about its absence.
        var isAboutCertificate: Bool {
            switch number {
            case 41...46, 48, 111, 113, 114, 116: true
            default: false
            }
        }

        /// Whether the alert is only sent instead of completing a handshake. Others, such as `internal_error` (80) and `decode_error` (50), may
        /// also be about what was received after it.
        var refusesHandshake: Bool {
            switch number {
            // handshake_failure, protocol_version, insufficient_security, missing_extension, unsupported_extension, unrecognized_name,
            // unknown_psk_identity, no_application_protocol
            case 40, 70, 71, 109, 110, 112, 115, 120: true
            default: isAboutCertificate
            }
        }
    }

    let kind: Kind
    /// `CERTIFICATE_VERIFY_FAILED`; empty if there is none.
    let name: String

    init(number: UInt32?, name: String) {
        kind = number.map { SecurityReason.kind(of: $0) } ?? .other
        self.name = name
    }

    init(_ error: BoringSSLError) {
        let stack: NIOBoringSSLErrorStack =
            switch error {
            case .sslError(let stack), .unknownError(let stack), .invalidSNIName(let stack), .failedToSetALPN(let stack): stack
            default: []
            }
        self = stack.lazy.compactMap { SecurityReason(line: $0.description) }.first ?? SecurityReason(number: nil, name: "")
    }

    /// - Parameter line: as above. Nil if it has no name.
    init?(line: String) {
        guard let mark = line.utf8.firstRange(of: "OPENSSL_internal:".utf8) else { return nil }
        let name = line[mark.upperBound...].prefix { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_") }
        guard !name.isEmpty else { return nil }
        let code = line.split(separator: " ").dropFirst().first.flatMap { UInt32($0) }
        self.init(number: code.flatMap { SecurityReason.number(ofTLSIn: $0) }, name: String(name))
    }

    /// BoringSSL packs the library into the upper 8 bits, the reason into the lower 12 (openssl/err.h, `ERR_GET_LIB`, `ERR_GET_REASON`).
    private static func number(ofTLSIn code: UInt32) -> UInt32? { code >> 24 == 16 ? code & 0xFFF : nil }

    private static func kind(of number: UInt32) -> Kind {
        switch number {
        case 125: .untrustedCertificate
        // An HTTP request, a request to a proxy, or a record of another protocol.
        case 155, 156, 247, 251: .notSpoken
        case 240: .noCommonVersion
        // No common cipher; another version than was agreed on.
        case 175, 246: .noAgreement
        // SSL_AD_REASON_OFFSET
        case 1000...1255: .alert(Alert(number: number - 1000))
        default: .other
        }
    }

    /// Whether the peer refuses the handshake. With TLS 1.3 it may do so when our side of it is complete and a call has been written (RFC 8446,
    /// section 4.4.2.4). With TLS 1.2 our side completes last, when the peer has accepted.
    var refusesHandshake: Bool { if case .alert(let alert) = kind { alert.refusesHandshake } else { false } }

    var problem: TransportFailure.SecurityProblem {
        switch kind {
        case .untrustedCertificate: .unknownAuthority
        case .notSpoken: .notSpoken
        case .alert(let alert) where alert.isAboutCertificate: .wantsCertificate
        case .alert, .noCommonVersion, .noAgreement: .refused
        case .other: .other
        }
    }

    /// The name as words: `handshake failure`, `protocol version`.
    var text: String {
        guard !name.isEmpty else { return "no reason is known" }
        let rest = ["SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV1_"].first { name.hasPrefix($0) }.map { name.dropFirst($0.count) } ?? name[...]
        return rest.lowercased().split(separator: "_").joined(separator: " ")
    }

    func sentence(about host: String) -> String {
        switch kind {
        case .notSpoken: "\(host) does not speak TLS on this port"
        case .alert(let alert) where alert.isAboutCertificate:
            "\(host) refuses the TLS handshake: it wants a client certificate (\(text))"
        case .noCommonVersion, .alert(.protocolVersion): "\(host) refuses the TLS handshake: no version of TLS in common"
        case .alert(.unrecognizedName): "\(host) refuses the TLS handshake: it does not know this host name"
        case .alert, .noAgreement: "\(host) refuses the TLS handshake: \(text)"
        case .untrustedCertificate, .other: "the TLS handshake with \(host) failed: \(text)"
        }
    }
}
