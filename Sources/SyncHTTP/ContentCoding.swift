import SyncCore

/// Undoes the coding of a body (RFC 9110, section 8.4.1). None is requested; some servers and gateways compress anyway.
enum ContentCoding {
    /// The reply with its decoded body. A body that cannot be decoded completely leaves the decoded part, and the reason.
    ///
    /// - Parameter limit: in bytes, of the decoded body.
    static func decoded(_ reply: HTTPReply, atMost limit: Int) -> HTTPReply {
        guard let field = reply.headers["content-encoding"], !reply.body.isEmpty else { return reply }
        let codings = field.lowercased().utf8.split(separator: UInt8(ascii: ","))
            .map { String(decoding: $0.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self) }
            .filter { !$0.isEmpty && $0 != "identity" }
        var reply = reply
        guard codings.count <= 1 else {
            reply.body = []
            reply.bodyFailure = reply.bodyFailure ?? undecodable("it has more than one coding")
            return reply
        }
        // Some servers put a character set here: the body is left unchanged, and parsing it will show any problem.
        guard let coding = codings.first, let format = Inflate.Format(coding) else { return reply }
        var inflate = Inflate(reply.body, atMost: limit)
        do throws(Inflate.Failure) {
            try inflate.decode(format)
        } catch {
            // A body that was cut off cannot be decoded to its end: its first failure is the cause.
            reply.bodyFailure =
                reply.bodyFailure
                ?? (error == .tooLarge
                    ? TransportFailure(.responseTooLarge, detail: "the decoded response is larger than allowed")
                    : undecodable(error == .truncated ? "it ends too early" : "it is not valid"))
        }
        reply.body = inflate.output
        return reply
    }

    private static func undecodable(_ reason: String) -> TransportFailure {
        TransportFailure(.invalidResponse, detail: "the body of the response cannot be decoded: \(reason)")
    }
}

extension Inflate.Format {
    init?(_ coding: String) {
        switch coding {
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        default: return nil
        }
    }
}
