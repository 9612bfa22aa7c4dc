/// One step of a remote on the connection of a request. The steps of a request end with `respond`, `end` or `close`.
package enum ConnectionStep: Sendable, Equatable {
    /// Waits for this long.
    case wait(milliseconds: Int)
    /// Sends a whole response.
    case respond(ResponseHead, body: [UInt8])
    /// Sends the head of a response whose body follows in later steps, or not at all.
    case begin(ResponseHead)
    case send([UInt8])
    /// Sends this many letters `x`, for a large body.
    case pad(Int)
    /// Ends the response that was begun.
    case end
    /// Closes the connection (FIN), or resets it (RST).
    case close(resets: Bool)
}

/// The status line and the header fields of a response.
package struct ResponseHead: Sendable, Equatable {
    package let status: Int
    package let headers: [HTTPHeader]

    /// - Parameters:
    ///   - headers: replace header fields that describe the body.
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
    /// A whole response with a JSON body, or without one if the status or the method forbids it (RFC 9110 sections 6.4.1 and 9.3.2).
    package static func response(_ status: Int, headers: [HTTPHeader] = [], body: [UInt8], method: String) -> ConnectionStep {
        let hasBody = status >= 200 && status != 204 && status != 304
        let head = ResponseHead(status: status, headers: headers, contentLength: hasBody ? body.count : nil)
        return .respond(head, body: hasBody && method != "HEAD" ? body : [])
    }
}
