/// A key in the application's tables that cannot be used, for the log and for `status`.
package struct UnreadableKey: Sendable, Equatable {
    /// The bytes as SQLite's hex() writes them.
    package var hex: String
    package var problem: String

    package init(conversation key: StoredKey) {
        hex = key.hex
        problem = "conversations.id \(key.problem ?? "cannot be used")"
    }

    /// The message's own key, or that of its conversation.
    package init(message: StoredKey, of conversation: StoredKey) {
        hex = (message.text == nil ? message : conversation).hex
        problem =
            if let problem = message.problem {
                "messages.id \(problem)"
            } else {
                "messages.conversation_id \(conversation.problem ?? "cannot be used")"
            }
    }
}
