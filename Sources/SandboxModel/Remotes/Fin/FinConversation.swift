/// A conversation as the Fin Agent API holds it.
struct FinConversation: Sendable {
    struct Message: Sendable {
        let author: String
        let timestamp: String
        let body: String
        let receivedAt: SandboxInstant
        let attachments: Int
    }

    /// Further messages of a conversation are counted but not kept; the request record contains their bodies.
    static let maximumKeptMessages = 200

    /// From this number on, remembered timestamps whose window has passed are removed.
    private static let timestampsBeforeCleaning = 256

    let id: String
    var userID: String
    var status: String
    var reason: String?
    private(set) var messages: [Message] = []
    private(set) var messageCount = 0
    private(set) var deduplicatedCount = 0
    private var timestamps: [String: SandboxInstant] = [:]

    init(id: String, userID: String, status: String) {
        self.id = id
        self.userID = userID
        self.status = status
    }

    /// Stores a message, unless one with the same timestamp was received within the window before it ("Reply to Fin" `message.timestamp`).
    ///
    /// The exact key is not documented (docs/remotes/fin.md, "Repetition and the five minutes"). Here it is the conversation and the exact text of
    /// the timestamp.
    mutating func receive(_ message: Message, windowMilliseconds: Int) -> Bool {
        if let first = timestamps[message.timestamp], message.receivedAt.milliseconds - first.milliseconds < windowMilliseconds {
            deduplicatedCount += 1
            return false
        }
        if timestamps.count >= Self.timestampsBeforeCleaning {
            timestamps = timestamps.filter { message.receivedAt.milliseconds - $0.value.milliseconds < windowMilliseconds }
        }
        timestamps[message.timestamp] = message.receivedAt
        messageCount += 1
        if messages.count < Self.maximumKeptMessages { messages.append(message) }
        return true
    }

    /// Stores a message of Fin.
    mutating func say(_ message: Message) {
        messageCount += 1
        if messages.count < Self.maximumKeptMessages { messages.append(message) }
    }

    var state: SandboxJSON {
        [
            "conversation_id": .string(id),
            "user_id": .string(userID),
            "status": .string(status),
            "reason": .optional(reason),
            "message_count": .integer(messageCount),
            "deduplicated": .integer(deduplicatedCount),
            "messages": .array(
                messages.map {
                    [
                        "author": .string($0.author),
                        "timestamp": .string($0.timestamp),
                        "body": .string($0.body),
                        "attachments": .integer($0.attachments),
                        "received_at": .string($0.receivedAt.iso8601),
                    ]
                }
            ),
        ]
    }
}
