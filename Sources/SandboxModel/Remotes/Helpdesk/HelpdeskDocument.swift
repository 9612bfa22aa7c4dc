/// The request fields of `update_conversation` ("Update Conversation"), and those of the sandbox's own control calls for this kind.
enum HelpdeskDocument {
    /// "Update Conversation" `status`.
    static let statuses = ["open", "resolved", "closed", "ended"]

    static let unfinished = "open"

    private static let fields: [String: FieldShape] = [
        "conversation_id": .string,
        "title": .nullable(.string),
        "tags": .list(.string),
        "attributes": .anyObject,
        "status": .oneOf(statuses),
        "assignee_id": .nullable(.string),
        "last_user_read_at": .nullable(.instant),
        "user": .record(
            [
                "id": .string,
                "name": .string,
                "email": .string,
                "photo_url": .string,
                "user_type": .oneOf(["end_user"]),
                "attributes": .nullable(.anyObject),
            ],
            required: []
        ),
    ]

    /// "Update Conversation" marks no request field as required; without `conversation_id` there is nothing to update.
    static let update = FieldShape.record(fields, required: ["conversation_id"])

    /// docs/remotes/helpdesk.md, "Reading": `get_conversation`.
    static let get = FieldShape.record(["conversation_id": .string], required: ["conversation_id"])

    /// The fields that a person at the helpdesk can change: the same ones, with the conversation under the name used by control calls.
    static let act: FieldShape = {
        var changed = fields
        changed["conversation_id"] = nil
        changed["conversation"] = .string
        return .record(changed, required: ["conversation"])
    }()
}
