extension FaultRule {
    private static let shape = FieldShape.record(
        [
            "kind": .oneOf(Kind.allCases.map(\.rawValue)),
            "times": .nullable(.integer),
            "skip": .integer,
            "probability": .number,
            "path_contains": .nullable(.string),
            "method": .nullable(.string),
            "conversation": .nullable(.string),
            "latency_ms": .nullable(.integer),
            "status": .integer,
            "headers": .anyObject,
            "body": .anything,
            "retry_after": .nullable(.integer),
            "retry_after_date": .nullable(.integer),
            "rate_limit_reset": .nullable(.integer),
            "bytes": .integer,
            "value": .nullable(.string),
            "stored": .boolean,
            "location": .string,
            "reset": .boolean,
        ],
        required: ["kind"]
    )

    /// Reads a rule from a control call.
    package init(_ description: SandboxJSON) throws(ControlRefusal) {
        let fields = try Self.shape.requireControl(description)
        guard let kind = fields["kind"]?.string.flatMap(Kind.init(rawValue:)) else { throw ControlRefusal("kind is required") }
        self.init(kind, times: fields["times"]?.integer, latencyMilliseconds: fields["latency_ms"]?.integer)
        readConditions(fields)
        readResponse(fields)
        try check()
    }

    private mutating func readConditions(_ fields: [String: SandboxJSON]) {
        skip = fields["skip"]?.integer ?? skip
        probability = fields["probability"]?.number ?? probability
        pathContains = fields["path_contains"]?.string
        method = fields["method"]?.string
        conversation = fields["conversation"]?.string
    }

    private mutating func readResponse(_ fields: [String: SandboxJSON]) {
        status = fields["status"]?.integer ?? status
        headers = fields["headers"]?.object?.compactMapValues(\.string) ?? headers
        body = fields["body"]
        retryAfterSeconds = fields["retry_after"]?.integer
        retryAfterDateSeconds = fields["retry_after_date"]?.integer
        rateLimitResetSeconds = fields["rate_limit_reset"]?.integer
        bytes = fields["bytes"]?.integer ?? bytes
        value = fields["value"]?.string
        isStored = fields["stored"]?.boolean ?? isStored
        location = fields["location"]?.string ?? location
        resets = fields["reset"]?.boolean ?? resets
    }

    private func check() throws(ControlRefusal) {
        guard (200...599).contains(status) else { throw ControlRefusal("status must be from 200 to 599") }
        guard (0...1).contains(probability) else { throw ControlRefusal("probability must be from 0 to 1") }
        guard (times ?? 0) >= 0, skip >= 0, (latencyMilliseconds ?? 0) >= 0 else {
            throw ControlRefusal("times, skip and latency_ms must not be negative")
        }
        guard (0...1_073_741_824).contains(bytes) else { throw ControlRefusal("bytes must be from 0 to 1 GiB") }
        guard kind != .drift || value != nil else { throw ControlRefusal("drift needs a value") }
        guard headers.keys.allSatisfy(FaultHeaders.isName), headers.values.allSatisfy(FaultHeaders.isValue) else {
            throw ControlRefusal("headers must have names and values that HTTP allows")
        }
    }
}

/// The parts of RFC 9110 section 5 about header fields whose violation could break the framing of the connection.
private enum FaultHeaders {
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
    }

    static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}
