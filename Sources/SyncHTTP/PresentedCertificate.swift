import Glibc
import NIOSSL
import SyncCore

/// The properties of a certificate that decide whether it can be trusted. Its texts come from outside: bounded, on one line.
struct PresentedCertificate: Equatable {
    var notBefore: CertificateDate
    var notAfter: CertificateDate
    /// Issuer and subject are the same.
    var isSelfSigned: Bool
    /// The issuer's common name, or its organization; nil if it has neither.
    var issuer: String?
    /// The host names that it is valid for, the first few.
    var names: [String]

    /// The most names shown in a message.
    private static let shownNames = 3
    private static let longestName = 60

    init(notBefore: CertificateDate, notAfter: CertificateDate, isSelfSigned: Bool, issuer: String? = nil, names: [String] = []) {
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.isSelfSigned = isSelfSigned
        self.issuer = issuer
        self.names = names
    }

    init(_ certificate: NIOSSLCertificate) {
        // Nothing is lost: swift-nio-ssl has read it from DER, and without its issuer it counts as issued by an unknown authority.
        let parties = (try? certificate.toDERBytes()).flatMap(CertificateParties.init)
        notBefore = CertificateDate(seconds: Int64(certificate.notValidBefore))
        notAfter = CertificateDate(seconds: Int64(certificate.notValidAfter))
        isSelfSigned = parties.map { $0.issuer == $0.subject } ?? false
        issuer = parties?.issuerName.map { PresentedCertificate.plain($0) }
        names = certificate._subjectAlternativeNames().lazy.compactMap(PresentedCertificate.name)
            .prefix(PresentedCertificate.shownNames).map { $0 }
    }

    private static func name(_ name: _SubjectAlternativeName) -> String? {
        switch name.nameType {
        case .dnsName: plain(String(decoding: name.contents, as: UTF8.self))
        case .ipAddress: address(Array(name.contents))
        default: nil
        }
    }

    private static func plain(_ text: String) -> String { String(text.prefix(longestName)).onOneLine }

    private static func address(_ bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A limit of a certificate's validity.
struct CertificateDate: Comparable {
    /// Since 1970.
    var seconds: Int64

    static var now: CertificateDate { CertificateDate(seconds: Int64(time(nil))) }

    static func < (left: CertificateDate, right: CertificateDate) -> Bool { left.seconds < right.seconds }

    /// `2026-01-31`
    var text: String { String(Instant(milliseconds: seconds.multipliedReportingOverflow(by: 1000).partialValue).iso8601.prefix(10)) }
}
