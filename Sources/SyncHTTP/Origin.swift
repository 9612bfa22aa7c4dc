import Glibc
import SyncCore

/// The destination of connections: scheme, host and port of a URL.
struct Origin: Hashable, Sendable {
    let isSecure: Bool
    /// Without the brackets of an IPv6 address.
    let host: String
    let port: Int

    /// The value of the field `Host` (RFC 9112, section 3.2).
    var hostField: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host.prefix { $0 != "%" })]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The name for SNI and for the certificate; nil for an address, which must not be sent (RFC 6066, section 3) and is compared as an
    /// address.
    var serverName: String? {
        var address = in6_addr()
        let text = String(host.prefix { $0 != "%" })
        guard inet_pton(AF_INET, text, &address) != 1, inet_pton(AF_INET6, text, &address) != 1 else { return nil }
        return host.hasSuffix(".") ? String(host.dropLast()) : host
    }
}

/// The two parts of a URL: the origin, and the target of the request line (RFC 9112, section 3.2.1). The fragment is not sent, nor is a
/// user name, which the configuration rejects.
package struct CallTarget: Equatable, Sendable {
    let origin: Origin
    /// Path and query as given. A byte that is not allowed in a request line is percent-encoded.
    let path: String

    init(_ url: String) throws(TransportFailure) {
        guard let separator = url.utf8.firstRange(of: "://".utf8) else { throw CallTarget.unusable }
        let scheme = url[..<separator.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { throw CallTarget.unusable }
        let rest = url[separator.upperBound...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        origin = try CallTarget.origin(host, isSecure: scheme == "https")
        let path = rest[authority.endIndex...]
        self.path = CallTarget.encoded(path.first == "/" ? path[...] : "/" + path)
    }

    /// Why no call can be made to a URL; nil if one can be.
    package static func problem(with url: String) -> String? {
        do {
            _ = try CallTarget(url)
            return nil
        } catch {
            return error.detail
        }
    }

    private static var unusable: TransportFailure { TransportFailure(.nameResolution, detail: "the URL has no host that can be called") }

    private static func origin(_ text: Substring, isSecure: Bool) throws(TransportFailure) -> Origin {
        var host = text
        var port: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw unusable }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw unusable }
            port = rest.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        // A zone is written with a percent-encoded percent sign (RFC 6874).
        let name = String(host).split(separator: "%25", maxSplits: 1).joined(separator: "%")
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw TransportFailure(.nameResolution, detail: "the host name cannot be resolved: it is not one of ASCII characters")
        }
        guard let port, !port.isEmpty else { return Origin(isSecure: isSecure, host: name, port: isSecure ? 443 : 80) }
        guard let number = UInt16(port), number > 0 else {
            throw TransportFailure(.nameResolution, detail: "the port of the URL is not a number from 1 to 65535")
        }
        return Origin(isSecure: isSecure, host: name, port: Int(number))
    }

    private static func encoded(_ text: Substring) -> String {
        guard text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) else { return String(text) }
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte <= 0x20 || byte >= 0x7F {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
