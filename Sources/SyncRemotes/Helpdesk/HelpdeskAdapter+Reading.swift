import SyncCore

/// The customer's helpdesk: `POST {url}/get_conversation` (docs/remotes/helpdesk.md, "Reading"), which responds with the same object as
/// `update_conversation` (the document "Update Conversation"). There is no list.
extension HelpdeskAdapter {
    func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        call(.object, body: ["conversation_id": .string(conversationID)])
    }

    /// A null `title` and null `tags` make no statement, like missing ones: nothing is removed because of them.
    func conversation(in body: JSONValue) throws(Unreadable) -> Observation {
        if let error = body["error"], error != .null { throw .reported("the helpdesk answered with an error", by: body) }
        guard let data = body["data"], data["id"] != nil || data["status"] != nil else {
            throw Unreadable("the response does not contain a conversation: data has neither id nor status")
        }
        return Observation(
            word: data["status"]?.reportedWord, title: data["title"]?.stringValue, tags: data["tags"]?.reportedTags,
            changedAt: data["updated_at"]?.reportedInstant)
    }

    func reportedIDs(in body: JSONValue) -> [String] { [body["data"]?["id"]?.reportedID].compactMap { $0 } }
}
