/// The request fields of `POST /fin/reply` ("Reply to Fin"), and those of the sandbox's own control calls for this kind.
enum FinDocument {
    static let versionHeader = "Intercom-Version"

    /// The enum of "Reply to Fin" ends at 2.14 although the page is for 2.15; the vendor's OpenAPI file goes to 2.16 and Preview.
    static let versions: Set<String> = [
        "1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9", "2.10", "2.11", "2.12",
        "2.13", "2.14", "2.15", "2.16", "Preview",
    ]

    /// docs/remotes/fin.md, "Status values"; `replying` exists from 2.16 on.
    static let statuses = ["thinking", "replying", "awaiting_user_reply", "escalated", "resolved", "complete"]

    static let maximumAttributes = 10
    static let maximumAttachments = 10

    private static let attachment = FieldShape.record(
        ["type": .oneOf(["url", "file"]), "url": .string, "name": .string, "content_type": .string, "data": .string],
        required: ["type"]
    )

    static let reply = FieldShape.record(
        [
            "conversation_id": .string,
            "message": .record(
                ["author": .oneOf(["user", "agent", "fin"]), "body": .string, "timestamp": .instant, "timestamp_ms": .instant],
                required: ["author", "body", "timestamp"]
            ),
            "user": .record(["id": .string, "name": .string, "email": .string, "attributes": .anyObject], required: ["id"]),
            "attachments": .list(attachment),
        ],
        required: ["conversation_id", "message", "user"]
    )

    /// What Fin does by itself: a new status (docs/remotes/fin.md, "Status values"), or a reply to the user.
    static let act = FieldShape.record(
        [
            "conversation": .string, "user": .string, "status": .oneOf(statuses), "reason": .string, "reply": .string,
        ],
        required: ["conversation"]
    )

    /// Rules beyond the types of fields: the limits, and the fields required for each type of attachment ("Reply to Fin").
    static func violationsBeyondShape(of body: SandboxJSON) -> [Violation] {
        var found: [Violation] = []
        if let attributes = body["user"]?["attributes"]?.object, attributes.count > maximumAttributes {
            let message = "Cannot update more than \(maximumAttributes) attributes at once."
            found.append(Violation(field: "user.attributes", code: .notAllowed, message: message))
        }
        let attachments = body["attachments"]?.array ?? []
        if attachments.count > maximumAttachments {
            let message = "attachments must hold \(maximumAttachments) at most"
            found.append(Violation(field: "attachments", code: .notAllowed, message: message))
        }
        for (position, attachment) in attachments.enumerated() where found.count < FieldShape.maximumViolations {
            found.append(contentsOf: violations(of: attachment, at: "attachments[\(position)]"))
        }
        return found
    }

    private static func violations(of attachment: SandboxJSON, at path: String) -> [Violation] {
        let needed = attachment["type"]?.string == "url" ? ["url"] : ["name", "content_type", "data"]
        var found = needed.filter { attachment[$0] == nil }.map { name in
            Violation(field: "\(path).\(name)", code: .missing, message: "\(path).\(name) is required for this type of attachment")
        }
        if let url = attachment["url"]?.string, !url.hasPrefix("https://"), !url.hasPrefix("http://") {
            found.append(Violation(field: "\(path).url", code: .notAllowed, message: "\(path).url must be a public http or https address"))
        }
        if let data = attachment["data"]?.string, !isBase64(data) {
            found.append(Violation(field: "\(path).data", code: .notAllowed, message: "\(path).data must be base64"))
        }
        return found
    }

    /// The alphabet of RFC 4648 section 4 with its padding.
    private static func isBase64(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count % 4 == 0 else { return false }
        var padding = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "="): padding += 1
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "+"), UInt8(ascii: "/"):
                guard padding == 0 else { return false }
            default: return false
            }
        }
        return padding <= 2
    }
}
