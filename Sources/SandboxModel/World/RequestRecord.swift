/// What is known about one request: how it arrived, and its result.
///
/// A token is never recorded, only whether it was the right one.
package struct RequestRecord: Sendable {
    package let sequence: Int
    package let arrivedAt: SandboxInstant
    package let instance: String
    /// The name of the instance's kind.
    package let kind: String
    package let method: String
    package let path: String
    package let query: String?
    package let isAuthorized: Bool
    package let contentType: String?
    package let idempotencyKey: String?
    /// Header fields by their member in the record.
    let recordedHeaders: [String: String]
    package let agent: String?
    package let conversation: String?
    /// The body's bytes; nil if it was empty or too large to keep.
    package internal(set) var body: [UInt8]?
    package let bodySize: Int
    package let isBodyJSON: Bool
    /// How many other requests of the instance were in flight when this one arrived.
    package let othersInFlight: Int
    /// How many of those were for the same conversation.
    package let othersInFlightSameConversation: Int
    package let outcome: RequestOutcome
    package let fault: FaultRule.Kind?
    /// The status that was sent, or would have been; nil if no response was to be sent.
    package let status: Int?
    /// Why the request was refused; empty otherwise.
    package let detail: String
    /// When the response was written or the connection was closed; nil while the request is in flight.
    package internal(set) var finishedAt: SandboxInstant?
    /// Whether a complete response was written to a connection that was still open.
    package internal(set) var isAnswered = false

    /// The header fields that the kinds record.
    static func recordedHeaders(of request: SimulatedRequest) -> [String: String] {
        var recorded: [String: String] = [:]
        for field in fields { recorded[field.member] = request.headers[field.header] }
        return recorded
    }

    private static let fields = SimulatedKind.all.flatMap(\.recordedHeaders)

    /// The body as JSON, if it is JSON.
    package var bodyJSON: SandboxJSON? {
        guard let body, isBodyJSON else { return nil }
        guard case .success(let value) = SandboxJSON.reading(body) else { return nil }
        return value
    }
}

extension RequestRecord {
    /// Writes one line of JSON. A JSON body is included as it was received, any other as a string.
    package func write(into writer: inout JSONWriter) {
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
        // In JSON, control characters can only be white space between tokens; in a file of lines they must not break a line.
        if isBodyJSON {
            writer.write(raw: body.lazy.map { $0 < 0x20 ? 0x20 : $0 })
        } else {
            writer.write(string: String(decoding: body, as: UTF8.self))
        }
    }

    private var members: [(String, SandboxJSON)] {
        [
            ("instance", .string(instance)),
            ("kind", .string(kind)),
            ("method", .string(method)),
            ("path", .string(path)),
            ("query", .optional(query)),
            ("authorized", .boolean(isAuthorized)),
            ("content_type", .optional(contentType)),
            ("idempotency_key", .optional(idempotencyKey)),
        ] + Self.fields.map { ($0.member, .optional(recordedHeaders[$0.member])) } + [
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
