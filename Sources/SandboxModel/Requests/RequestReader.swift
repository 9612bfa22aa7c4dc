import HTTPTypes
import HummingbirdCore
import NIOCore

/// Makes a ``RemoteCall`` of an HTTP request.
enum RequestReader {
    /// A body larger than this is answered 413.
    static let maximumBodyBytes = 4 * 1024 * 1024

    private static let intercomVersion = HTTPField.Name("Intercom-Version")
    private static let idempotencyKey = HTTPField.Name("Idempotency-Key")

    /// The decoded segments of a path. An empty one stays: `/vg//agents` and `/vg/agents/` are not documented paths.
    static func segments(of path: String) -> [String] {
        path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(percentDecoded)
    }

    static func call(head: HTTPRequest, path: String, segments: [String], queryText: String?, body: ByteBuffer) -> RemoteCall {
        let fields = head.headerFields
        let authority = head.authority ?? "localhost"
        return RemoteCall(
            method: head.method.rawValue,
            path: path,
            segments: Array(segments.dropFirst()),
            query: queryText.map(query) ?? [:],
            queryText: queryText,
            base: "http://\(authority)/\(segments.first ?? "")",
            authorization: fields[.authorization],
            contentType: fields[.contentType],
            idempotencyKey: idempotencyKey.flatMap { fields[$0] },
            intercomVersion: intercomVersion.flatMap { fields[$0] },
            bodyBytes: body,
            body: read(body),
            arrivedAt: .now()
        )
    }

    static func read(_ body: ByteBuffer) -> Result<SandboxJSON, JSONReadError>? {
        guard body.readableBytes > 0 else { return nil }
        return body.withUnsafeReadableBytes { bytes -> Result<SandboxJSON, JSONReadError> in
            do throws(JSONReadError) { return .success(try JSONReader.read(bytes)) } catch { return .failure(error) }
        }
    }

    /// Names and values of a query, decoded; the last one of a name counts.
    static func query(_ text: String) -> [String: String] {
        var result: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first else { continue }
            result[percentDecoded(name)] = parts.count > 1 ? percentDecoded(parts[1]) : ""
        }
        return result
    }

    /// `%41` to `A`; what is not a valid escape, or not UTF-8 afterwards, stays as it is.
    static func percentDecoded(_ text: Substring) -> String {
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
