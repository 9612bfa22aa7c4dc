/// The request fields of `PATCH /conversations/{id}` ("Update conversation by ID"), and those of the sandbox's own control calls for this
/// kind.
enum VoicebotDocument {
    /// "Update conversation by ID" `ConversationStatus`.
    static let statuses = ["to-do", "in-progress", "done"]

    static let finished = "done"

    /// Not in the enum. `snooze_until` shows that a conversation can be snoozed. Its status is not documented then, so a client may receive one that
    /// it does not know.
    static let observedStatus = "snoozed"

    private static let writable: [String: FieldShape] = ["status": .oneOf(statuses), "user_id": .nullable(.integer)]

    /// Nothing else is writable (docs/remotes/voicebot.md).
    static let update = FieldShape.record(writable, required: [])

    /// What a teammate can change in the inbox, and what a message of the customer does to a conversation.
    static let act = FieldShape.record(
        [
            "conversation": .string, "channel": .oneOf(["bridge", "whatsapp", "widget"]), "status": .oneOf(statuses + [observedStatus]),
            "user_id": .nullable(.integer), "last_customer_reply_from": .nullable(.instant),
        ],
        required: ["conversation"]
    )
}
