import NIOCore

/// What is known about one request: as it arrived, and what became of it.
///
/// A token is never recorded, only whether it was the right one.
package struct RequestRecord: Sendable {
    package let sequence: Int
    package let arrivedAt: SandboxInstant
    package let instance: String
    package let kind: RemoteKind
    package let method: String
    package let path: String
    package let query: String?
    package let isAuthorized: Bool
    package let contentType: String?
    package let idempotencyKey: String?
    package let intercomVersion: String?
    package let agent: String?
    package let conversation: String?
    /// The body's bytes; nil when it was empty, or too much to keep.
    package let body: ByteBuffer?
    package let bodySize: Int
    package let isBodyJSON: Bool
    /// How many other requests of the instance were in flight when this one arrived.
    package let othersInFlight: Int
    /// How many of those were about the same conversation.
    package let othersInFlightSameConversation: Int
    package let outcome: RequestOutcome
    package let fault: FaultRule.Kind?
    /// The status that was answered, or would have been; nil when no answer was meant to be sent.
    package let status: Int?
    /// Why the request was refused; empty otherwise.
    package let detail: String
    /// When the answer was written or the connection was given up; nil while the request is in flight.
    package internal(set) var finishedAt: SandboxInstant?
    /// Whether a complete answer was written to a connection that was still open.
    package internal(set) var isAnswered = false

    /// The body as JSON, when it is.
    package var bodyJSON: SandboxJSON? {
        guard let body, isBodyJSON else { return nil }
        return body.withUnsafeReadableBytes { bytes in try? JSONReader.read(bytes) }
    }
}

extension RequestRecord {
    /// One line of JSON. A body that is JSON is put in as it came, anything else as a string.
    func write(into writer: inout JSONWriter) {
        writer.write(literal: "{\"sequence\":")
        writer.write(.integer(sequence))
        writer.write(literal: ",\"at\":")
        writer.write(string: arrivedAt.iso8601)
        writer.write(literal: ",\"at_ms\":")
        writer.write(.integer(arrivedAt.milliseconds))
        writer.write(literal: ",\"body\":")
        writeBody(into: &writer)
        for (name, value) in members {
            writer.write(literal: ",")
            writer.write(string: name)
            writer.write(literal: ":")
            writer.write(value)
        }
        writer.write(literal: "}")
    }

    private func writeBody(into writer: inout JSONWriter) {
        guard let body else { return writer.write(.null) }
        // A control character can only be white space between JSON tokens; in a file of lines it must not break the line.
        if isBodyJSON {
            writer.write(raw: body.readableBytesView.lazy.map { $0 < 0x20 ? 0x20 : $0 })
        } else {
            writer.write(string: String(buffer: body))
        }
    }

    private var members: [(String, SandboxJSON)] {
        [
            ("instance", .string(instance)),
            ("kind", .string(kind.rawValue)),
            ("method", .string(method)),
            ("path", .string(path)),
            ("query", .optional(query)),
            ("authorized", .boolean(isAuthorized)),
            ("content_type", .optional(contentType)),
            ("idempotency_key", .optional(idempotencyKey)),
            ("intercom_version", .optional(intercomVersion)),
            ("agent", .optional(agent)),
            ("conversation", .optional(conversation)),
            ("body_bytes", .integer(bodySize)),
            ("others_in_flight", .integer(othersInFlight)),
            ("others_in_flight_same_conversation", .integer(othersInFlightSameConversation)),
            ("outcome", .string(outcome.rawValue)),
            ("fault", .optional(fault?.rawValue)),
            ("status", .optional(status)),
            ("detail", .optional(detail.isEmpty ? nil : detail)),
            ("duration_ms", .optional(finishedAt.map { $0.milliseconds - arrivedAt.milliseconds })),
            ("answered", finishedAt == nil ? .null : .boolean(isAnswered)),
        ]
    }
}
