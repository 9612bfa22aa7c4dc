/// A request as it reaches the simulated systems.
package struct SimulatedRequest: Sendable {
    package let method: String
    package let target: RequestTarget
    /// `host:port` as the client named it, for links in responses.
    package let authority: String
    package let headers: [HTTPHeader]
    package let body: [UInt8]

    package init(
        _ method: String,
        _ target: RequestTarget,
        authority: String = "localhost",
        headers: [HTTPHeader] = [],
        body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.authority = authority
        self.headers = headers
        self.body = body
    }
}

/// The parsed target of a request, such as `/vg/agents/a1?limit=5`.
package struct RequestTarget: Sendable, ExpressibleByStringLiteral {
    /// Without the query.
    package let path: String
    package let queryText: String?
    /// The decoded segments of the path. Empty ones are kept: `/vg//agents` and `/vg/agents/` are not documented paths.
    package let segments: [String]

    package init(_ text: String) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts.first ?? "/")
        queryText = parts.count > 1 ? String(parts[1]) : nil
        segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(Self.percentDecoded)
    }

    package init(stringLiteral text: String) {
        self.init(text)
    }

    /// The decoded names and values of the query; of several with the same name, the last one.
    package var query: [String: String] {
        var result: [String: String] = [:]
        for pair in (queryText ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first else { continue }
            result[Self.percentDecoded(name)] = parts.count > 1 ? Self.percentDecoded(parts[1]) : ""
        }
        return result
    }

    /// Decodes `%41` to `A`. A text with an invalid escape, or that is not UTF-8 after decoding, stays as it is.
    private static func percentDecoded(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var decoded: [UInt8] = []
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let first = bytes.next(), let second = bytes.next(),
                let value = UInt8(String(decoding: [first, second], as: UTF8.self), radix: 16)
            else { return String(text) }
            decoded.append(value)
        }
        return String(validating: decoded, as: UTF8.self) ?? String(text)
    }
}
