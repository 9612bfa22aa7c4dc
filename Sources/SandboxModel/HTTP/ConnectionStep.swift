/// One thing that a remote does on the connection of a request. The steps of a request end with `respond`, `end` or `close`.
package enum ConnectionStep: Sendable, Equatable {
    /// Nothing happens for this long.
    case wait(milliseconds: Int)
    /// A whole response.
    case respond(ResponseHead, body: [UInt8])
    /// The head of a response whose body comes in the steps that follow, or not at all.
    case begin(ResponseHead)
    case send([UInt8])
    /// So many letters `x`: a body that is only large.
    case pad(Int)
    /// The response that was begun is complete.
    case end
    /// The connection is closed (FIN), or reset (RST).
    case close(resets: Bool)
}

/// The status line and the header fields of a response.
package struct ResponseHead: Sendable, Equatable {
    package let status: Int
    package let headers: [HTTPHeader]

    /// - Parameters:
    ///   - headers: take precedence over those that describe the body.
    ///   - contentLength: nil for a response that cannot have a body.
    init(status: Int, headers: [HTTPHeader], contentLength: Int?) {
        var fields: [HTTPHeader] = []
        if let contentLength {
            fields = [HTTPHeader("Content-Type", "application/json"), HTTPHeader("Content-Length", String(contentLength))]
        }
        for header in headers { fields.set(header) }
        self.status = status
        self.headers = fields
    }
}

extension ConnectionStep {
    /// A whole response with a body of JSON, without one where the status or the method forbids it (RFC 9110 sections 6.4.1 and 9.3.2).
    package static func response(_ status: Int, headers: [HTTPHeader] = [], body: [UInt8], method: String) -> ConnectionStep {
        let hasBody = status >= 200 && status != 204 && status != 304
        let head = ResponseHead(status: status, headers: headers, contentLength: hasBody ? body.count : nil)
        return .respond(head, body: hasBody && method != "HEAD" ? body : [])
    }
}
