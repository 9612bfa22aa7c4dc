/// The request fields of `PATCH /conversations/{id}` ("Update conversation by ID"), and those of the sandbox's own control calls for this
/// kind.
enum VoicebotDocument {
    /// "Update conversation by ID" `ConversationStatus`.
    static let statuses = ["to-do", "in-progress", "done"]

    private static let writable: [String: FieldShape] = ["status": .oneOf(statuses), "user_id": .nullable(.integer)]

    /// Nothing else is writable (docs/remotes.md, "voicebot").
    static let update = FieldShape.record(writable, required: [])

    /// What a teammate can change in the inbox.
    static let act = FieldShape.record(
        writable.merging(["conversation": .string, "channel": .oneOf(["bridge", "whatsapp", "widget"])]) { first, _ in first },
        required: ["conversation"]
    )
}
