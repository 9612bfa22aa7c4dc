import SyncCore

/// Voicebot Studio: `GET {url}/conversations` and `GET {url}/conversations/{id}` (docs/remotes/voicebot.md; the members are those of
/// `Conversation` in the document "Update conversation by ID").
///
/// There is no filter and no `updated_at`: the whole list has to be read, and no timestamp shows when something changed.
extension VoicebotAdapter {
    func assigneeValue(_ id: String) -> JSONValue {
        guard let number = Int64(id), String(number) == id else { return .string(id) }
        return .integer(number)
    }

    /// The page size is voicebot's own: its name and limits are not documented for this list. Nil for a token that did not come from a
    /// page.
    func listCall(agent: String?, after token: PageToken?) -> OutboundCall? {
        guard let token else { return call(.list) }
        return VoicebotPageQuery(text: token.text).map { call(.list, query: "?\($0.text)") }
    }

    /// Rows without a usable id are left out.
    func page(in body: JSONValue) throws(Unreadable) -> ListPage {
        guard let rows = body["data"]?.arrayValue else {
            throw Unreadable("the response is not a list of conversations: it has no array data")
        }
        let read = rows.compactMap { row -> ListPage.Row? in
            guard let id = row["id"]?.reportedInteger else { return nil }
            return ListPage.Row(remoteID: id, observation: observation(of: row))
        }
        // There is nothing after an empty page.
        return ListPage(rows: read, next: rows.isEmpty ? nil : next(in: body))
    }

    func page(in body: JSONValue, after token: PageToken?, of agent: String?) throws(Unreadable) -> ListPage {
        var page = try page(in: body)
        if let next = page.next.flatMap({ VoicebotPageQuery(text: $0.text) }),
            let requested = token.flatMap({ VoicebotPageQuery(text: $0.text) }), !next.movesOn(from: requested)
        {
            page.next = nil
        }
        return page
    }

    private func next(in body: JSONValue) -> PageToken? {
        guard let link = body["links"]?["next"]?.stringValue, let query = VoicebotPageQuery(link: link) else { return nil }
        if let page = query.page, let current = body["meta"]?["current_page"]?.integerValue, page <= current { return nil }
        return PageToken(query.text)
    }

    func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        call(.object, ["id": try remoteID(of: link, conversationID: conversationID)])
    }

    /// Bare, as the document shows it, or under `data`, as in the vendor's other calls.
    func conversation(in body: JSONValue) throws(Unreadable) -> Observation {
        let object: JSONValue = body["data"]?.objectValue.map(JSONValue.object) ?? body
        guard object["id"] != nil || object["status"] != nil else {
            throw Unreadable("the response does not contain a conversation: it has neither id nor status")
        }
        return observation(of: object)
    }

    func reportedIDs(in body: JSONValue) -> [String] {
        [(body["data"]?.objectValue.map(JSONValue.object) ?? body)["id"]?.reportedID].compactMap { $0 }
    }

    private func observation(of object: JSONValue) -> Observation {
        Observation(
            word: object["status"]?.reportedWord, assignee: assignee(in: object), lastUserMessageAt: lastCustomerMessageAt(in: object))
    }

    /// A user whose id cannot be read is somebody unknown: no statement.
    private func assignee(in object: JSONValue) -> Observation.Assignee {
        guard let user = object["user"] else { return .unknown }
        if user == .null { return .nobody }
        return user["id"]?.reportedInteger.map(Observation.Assignee.somebody) ?? .unknown
    }

    /// `last_customer_reply_from` stays when the message is deleted; the message itself has `sent_at`, and `created_at` like other objects
    /// of the vendor. The latest of them counts.
    private func lastCustomerMessageAt(in object: JSONValue) -> Instant? {
        let message = object["latest_customer_message"]
        return [object["last_customer_reply_from"], message?["sent_at"], message?["created_at"]].compactMap { $0?.reportedInstant }.max()
    }
}
