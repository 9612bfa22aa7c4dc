import NIOSSL
import SyncCore

/// Why BoringSSL gave up, by its name for the reason: `CERTIFICATE_VERIFY_FAILED`.
///
/// swift-nio-ssl offers a reason only as a line of text, `Error: 268435581 error:1000007d:SSL routines:OPENSSL_internal:NAME at FILE:LINE`.
/// The name is taken out of it, and nothing else.
struct SecurityReason: Equatable {
    /// Empty where there is none.
    let name: String

    init(name: String) {
        self.name = name
    }

    init(_ error: BoringSSLError) {
        let stack: NIOBoringSSLErrorStack =
            switch error {
            case .sslError(let stack), .unknownError(let stack), .invalidSNIName(let stack), .failedToSetALPN(let stack): stack
            default: []
            }
        name = stack.lazy.compactMap { SecurityReason.name(in: $0.description) }.first ?? ""
    }

    /// - Parameter line: as above.
    static func name(in line: String) -> String? {
        guard let mark = line.utf8.firstRange(of: "OPENSSL_internal:".utf8) else { return nil }
        let name = line[mark.upperBound...].prefix { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_") }
        return name.isEmpty ? nil : String(name)
    }

    /// The other side says it, and it ends the connection (RFC 8446, section 6).
    var isAlert: Bool { name.contains("_ALERT_") || name == "TLSV1_CERTIFICATE_REQUIRED" || name == "TLSV1_UNRECOGNIZED_NAME" }

    var problem: TransportFailure.SecurityProblem {
        switch name {
        case "CERTIFICATE_VERIFY_FAILED": .unknownAuthority
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "INVALID_OUTER_RECORD_TYPE": .notSpoken
        case _ where name.hasSuffix("CERTIFICATE_REQUIRED") || isAlert && name.contains("CERTIFICATE") || name.hasSuffix("UNKNOWN_CA"):
            .wantsCertificate
        case "UNSUPPORTED_PROTOCOL", "NO_CIPHERS_AVAILABLE", "WRONG_SSL_VERSION": .refused
        case _ where isAlert: .refused
        default: .other
        }
    }

    /// `handshake failure`, `protocol version`: the name in words.
    var text: String {
        guard !name.isEmpty else { return "no reason is known" }
        let rest = ["SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV1_"].first { name.hasPrefix($0) }.map { name.dropFirst($0.count) } ?? name[...]
        return rest.lowercased().split(separator: "_").joined(separator: " ")
    }

    func sentence(about host: String) -> String {
        switch problem {
        case .notSpoken: "\(host) does not speak TLS on this port"
        case .wantsCertificate: "\(host) refuses the TLS handshake: it wants a client certificate (\(text))"
        case .refused where name == "UNSUPPORTED_PROTOCOL" || name.hasSuffix("PROTOCOL_VERSION"):
            "\(host) refuses the TLS handshake: no version of TLS in common"
        case .refused where name.hasSuffix("UNRECOGNIZED_NAME"): "\(host) refuses the TLS handshake: it does not know this host name"
        case .refused: "\(host) refuses the TLS handshake: \(text)"
        default: "the TLS handshake with \(host) failed: \(text)"
        }
    }
}
