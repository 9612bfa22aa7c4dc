import SandboxModel

/// A call that was to change something at a remote, as the remote received it.
package struct Call: Sendable {
    package var remote: String
    /// The local id.
    package var conversation: String
    package var key: String?
    package var body: String
    /// Milliseconds since 1970.
    package var arrivedAt: Int
    /// Milliseconds since 1970; nil if the response was not complete when the history was taken.
    package var finishedAt: Int?
    /// Whether a complete response was written to a connection that was still open.
    package var isAnswered: Bool
    /// Whether that response was the documented one for a call that was applied.
    package var isAcknowledged: Bool
    /// Whether the remote did what the call asks for, and had not done so before.
    package var isApplied: Bool

    package init(
        _ remote: String, _ conversation: String, key: String?, body: String, arrivedAt: Int, finishedAt: Int? = nil,
        isAnswered: Bool = true,
        isAcknowledged: Bool = true, isApplied: Bool = true
    ) {
        self.remote = remote
        self.conversation = conversation
        self.key = key
        self.body = body
        self.arrivedAt = arrivedAt
        self.finishedAt = finishedAt
        self.isAnswered = isAnswered
        self.isAcknowledged = isAcknowledged
        self.isApplied = isApplied
    }
}

extension Call {
    /// Faults that leave a complete, documented response.
    private static let harmless: Set<FaultRule.Kind?> = [nil, .latency, .slowBody]

    /// - Returns: nil for a request that only reads.
    init?(_ record: RequestRecord) {
        guard record.method == "PATCH" || (record.method == "POST" && !record.path.hasSuffix("/get_conversation")) else { return nil }
        let isSuccess = record.status.map { 200..<300 ~= $0 } ?? false
        let isTaken = record.outcome == .applied || record.outcome == .deduplicated
        self.init(
            record.instance, LocalName.of(record.conversation ?? "", at: record.instance), key: record.idempotencyKey,
            body: record.body.map { String(decoding: $0, as: UTF8.self) } ?? "", arrivedAt: record.arrivedAt.milliseconds,
            finishedAt: record.finishedAt?.milliseconds, isAnswered: record.isAnswered,
            isAcknowledged: record.isAnswered && isSuccess && isTaken && Self.harmless.contains(record.fault),
            isApplied: record.outcome == .applied)
    }
}

/// Conversation `c7` is `7` at voicebot and `v7` at vg.
enum LocalName {
    static func of(_ id: String, at remote: String) -> String {
        switch remote {
        case "voicebot": "c\(id)"
        case "vg": "c\(id.dropFirst())"
        default: id
        }
    }

    static func remoteID(of number: Int, at remote: String) -> String {
        switch remote {
        case "voicebot": "\(number)"
        case "vg": "v\(number)"
        default: "c\(number)"
        }
    }
}
