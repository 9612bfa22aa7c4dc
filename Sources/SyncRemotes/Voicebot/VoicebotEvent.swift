import SyncCore

/// The calls that the studio makes. The vendor documents neither events nor payload, nor which header has the signature: every call only
/// means that something changed, and one with an id names the object (docs/remotes/voicebot.md, "Webhook").
enum VoicebotEvent {
    private static let standardHeader = "X-Signature"

    static let scheme = WebhookScheme(
        meaning:
            "The studio calls when something changes, signed in this header; id_path leads to the conversation's id in the body of the call.",
        proof: { own in .signature(header: own.text("webhook.signature_header") ?? standardHeader) }, read: read)

    static let keys = [
        ConfigurationKey(
            "webhook.signature_header", .text { isHeaderName($0) ? nil : "is not the name of a header" },
            standard: .text(standardHeader), "HMAC-SHA256 of the body, hexadecimal or base64, with or without sha256= in front",
            starter: StarterLine(standardHeader)),
        ConfigurationKey(
            "webhook.id_path", .text { isPath($0) ? nil : "is not a path of members, such as \"data.id\"" }, example: .text("data.id"),
            "where the conversation's id is in the body. Without it the list is read. (No default.)", starter: StarterLine("data.id")),
    ]

    @Sendable private static func read(_ body: WebhookBody, _ own: OwnValues) throws(Unreadable) -> WebhookReading {
        .notices([notice(in: body, at: own.text("webhook.id_path"))])
    }

    private static func notice(in body: WebhookBody, at path: String?) -> Notice {
        // A body that is not JSON means that something changed, too.
        guard let path, var value = try? body.value() else { return .somethingChanged }
        for member in path.split(separator: ".") {
            guard let next = value[String(member)] else { return .somethingChanged }
            value = next
        }
        guard let id = EventMembers.identifier(value) else { return .somethingChanged }
        return .changed(remoteID: id, agentID: nil)
    }

    private static func isPath(_ text: String) -> Bool {
        !text.isEmpty && !text.split(separator: ".", omittingEmptySubsequences: false).contains("")
    }

    /// RFC 9110 section 5.1: a field name is a token.
    private static func isHeaderName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
