import Crypto
import FoundationEssentials

/// A secret that a webhook's sender shares. Prints as a placeholder, so that it cannot appear in a message.
///
/// All comparisons take the same time wherever the first difference is.
package struct WebhookSecret: Sendable, CustomStringConvertible {
    private let text: String
    /// Intercom does not document whether the secret is a text or bytes in hexadecimal (docs/remotes/fin.md, "Webhook"): both are tested.
    private let keys: [SymmetricKey]

    package init(_ text: String) {
        self.text = text
        let bytes = Hexadecimal.bytes(text[...])
        keys = [SymmetricKey(data: Array(text.utf8))] + (bytes.map { [SymmetricKey(data: $0)] } ?? [])
    }

    package var description: String { "[secret]" }

    /// Whether `signature` is the HMAC-SHA256 (RFC 2104, FIPS 180-4) of `body` under this secret.
    ///
    /// Hexadecimal and base64 are accepted, with or without the prefix `sha256=`.
    package func signs(_ body: [UInt8], as signature: String) -> Bool {
        guard let code = WebhookSecret.code(in: signature) else { return false }
        // Every key is tested, even after a match.
        return keys.map { HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: body, using: $0) }.contains(true)
    }

    package func isSame(as other: WebhookSecret) -> Bool { matches(other.text) }

    /// Whether `given` is the secret itself. Digests are compared, so that the time does not depend on the length either.
    package func matches(_ given: String) -> Bool {
        SHA256.hash(data: Array(given.utf8)) == SHA256.hash(data: Array(text.utf8))
    }

    /// The code in a signature; nil if the text cannot be one.
    static func code(in signature: String) -> [UInt8]? {
        var text = signature[...]
        if text.hasPrefix("sha256=") { text = text.dropFirst("sha256=".count) }
        if let bytes = Hexadecimal.bytes(text), bytes.count == SHA256.byteCount { return bytes }
        guard let bytes = Data(base64Encoded: String(text)), bytes.count == SHA256.byteCount else { return nil }
        return Array(bytes)
    }
}

/// Bytes as pairs of hexadecimal digits.
enum Hexadecimal {
    /// Nil for an empty text, an odd number of digits, and any other character. Upper and lower case are accepted.
    static func bytes(_ text: Substring) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard !digits.isEmpty, digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(of: digits[index]), let low = value(of: digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
