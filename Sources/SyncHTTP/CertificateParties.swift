/// Issuer and subject of a certificate (RFC 5280, section 4.1), read from its DER form. swift-nio-ssl does not offer them.
struct CertificateParties: Equatable {
    /// The encoded names: a certificate is self-signed if they are equal.
    let issuer: [UInt8]
    let subject: [UInt8]

    private static let sequence: UInt8 = 0x30
    private static let explicitVersion: UInt8 = 0xA0
    /// 2.5.4.3 and 2.5.4.10
    private static let commonName: [UInt8] = [0x55, 0x04, 0x03]
    private static let organization: [UInt8] = [0x55, 0x04, 0x0A]

    /// Nil for bytes that are not a certificate.
    init?(_ der: [UInt8]) {
        var file = DERElements(der[...])
        guard let certificate = file.next(), certificate.tag == Self.sequence else { return nil }
        var parts = DERElements(certificate.content)
        guard let signed = parts.next(), signed.tag == Self.sequence else { return nil }
        var members = DERElements(signed.content)
        // version (version 3 has it), serialNumber, signature, issuer, validity, subject
        guard var member = members.next() else { return nil }
        if member.tag == Self.explicitVersion {
            guard let serialNumber = members.next() else { return nil }
            member = serialNumber
        }
        guard members.next() != nil, let issuer = members.next(), members.next() != nil, let subject = members.next(),
            issuer.tag == Self.sequence, subject.tag == Self.sequence
        else { return nil }
        self.issuer = Array(issuer.content)
        self.subject = Array(subject.content)
    }

    /// The common name of the issuer, or its organization.
    var issuerName: String? { text(Self.commonName) ?? text(Self.organization) }

    private func text(_ type: [UInt8]) -> String? {
        var sets = DERElements(issuer[...])
        while let set = sets.next() {
            var attributes = DERElements(set.content)
            while let attribute = attributes.next() {
                var pair = DERElements(attribute.content)
                guard let name = pair.next(), name.content.elementsEqual(type), let value = pair.next() else { continue }
                // UTF8String, PrintableString, IA5String
                guard [0x0C, 0x13, 0x16].contains(value.tag) else { return nil }
                return String(decoding: value.content, as: UTF8.self)
            }
        }
        return nil
    }
}

/// The elements of a DER value, one after the other (X.690). Ends at the first incomplete one.
struct DERElements {
    struct Element {
        let tag: UInt8
        let content: ArraySlice<UInt8>
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    mutating func next() -> Element? {
        guard let tag = rest.popFirst(), let length = readLength(), length <= rest.count else { return nil }
        defer { rest = rest.dropFirst(length) }
        return Element(tag: tag, content: rest.prefix(length))
    }

    private mutating func readLength() -> Int? {
        guard let first = rest.popFirst() else { return nil }
        guard first >= 0x80 else { return Int(first) }
        // No certificate has a length of more than four bytes.
        let count = Int(first & 0x7F)
        guard (1...4).contains(count), rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
    }
}
