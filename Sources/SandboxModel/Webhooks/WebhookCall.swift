import Crypto

/// A POST that a remote sends because of an event in it. It is sent once: vendors do not repeat it, or do not document that they do.
package struct WebhookCall: Sendable, Equatable {
    package let url: String
    package let headers: [HTTPHeader]
    package let body: [UInt8]
    /// The delay after the event that caused it.
    package let delayMilliseconds: Int
}

/// How the receiver of a webhook call can verify its origin.
enum WebhookProof: Sendable {
    /// The hexadecimal HMAC-SHA256 of the raw body, in a header field after a prefix.
    case signature(header: String, prefix: String)
    /// The secret itself in a header field.
    case secret(header: String)
    /// The secret as a member of an object in the body.
    case member(of: String, name: String)

    func call(for event: WebhookEvent, to target: WebhookTarget) -> WebhookCall {
        var body = event.body
        if case .member(let object, let name) = self, case .object(var members)? = body[object] {
            members[name] = .string(target.secret)
            body.replace([object], with: .object(members))
        }
        let bytes = body.encoded
        var headers = [HTTPHeader("Content-Type", "application/json")]
        switch self {
        case .signature(let header, let prefix):
            headers.append(HTTPHeader(header, prefix + Self.hexadecimalHMAC(bytes, secret: target.secret)))
        case .secret(let header):
            headers.append(HTTPHeader(header, target.secret))
        case .member:
            break
        }
        return WebhookCall(url: target.url, headers: headers, body: bytes, delayMilliseconds: event.delayMilliseconds)
    }

    private static func hexadecimalHMAC(_ body: [UInt8], secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Array(secret.utf8)))
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
