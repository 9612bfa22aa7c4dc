import SyncCore
import SyncStore

extension PutAside {
    /// A description of what cannot be planned, for people.
    var about: String {
        if let messageID { return "message \(messageID)" }
        return remote.map { "what \($0) is to be told" } ?? "what the remotes are to be told"
    }

    var json: JSONValue {
        [
            "conversation_id": .string(conversationID), "message_id": .nullable(messageID), "remote": .nullable(remote),
            "problem": .string(problem), "since": .nullable(since),
        ]
    }
}
