import SyncCore

/// VoiceGlow / Convocore: `GET {url}/agents/{agentId}/convos` and `GET {url}/agents/{agentId}/convos/{convoId}` (docs/remotes/vg.md,
/// "Reading"; the members of a conversation are those of the document "Updates an existing conversation").
///
/// The list is a mirror that lags behind, sorted by the start of the conversations, and its rows lack some members: it is only a hint.
extension VGAdapter {
    /// Read only: it is written only if the configuration maps a local value to it.
    var assigneeField: String? { "chatAssignedTo" }

    /// The largest page of the vendor's list.
    private static let pageSize = 20
    /// In bytes.
    private static let longestCursor = 2048

    /// Nil without an agent: there is one list per agent.
    func listCall(agent: String?, after token: PageToken?) -> OutboundCall? {
        guard let agent = agent ?? settings.agentID, !agent.isEmpty else { return nil }
        let cursor = token.map { "&cursor=\(PercentEncoding.segment($0.text))" } ?? ""
        return call(.list, ["agentId": agent], query: "?limit=\(VGAdapter.pageSize)\(cursor)")
    }

    /// The places of rows and cursor are not documented: rows are `data` itself or a member of it, the cursor is beside `data` or in it.
    /// Rows without a usable id are left out.
    func page(in body: JSONValue) throws(Unreadable) -> ListPage {
        try checkSuccess(body)
        let data = body["data"]
        guard let rows = (data ?? .null).arrayValue ?? data?["convos"]?.arrayValue ?? data?["conversations"]?.arrayValue else {
            throw Unreadable("the response is not a list of conversations: data is neither an array nor contains one")
        }
        let read = rows.compactMap { row -> ListPage.Row? in
            guard let id = id(of: row) else { return nil }
            return ListPage.Row(remoteID: id, observation: observation(of: row))
        }
        return ListPage(rows: read, next: next(in: body))
    }

    private func next(in body: JSONValue) -> PageToken? {
        let places = [body, body["data"] ?? .null]
        guard !places.contains(where: { $0["hasMore"] == false }),
            let cursor = places.lazy.compactMap({ $0["nextCursor"]?.reportedID }).first, cursor.utf8.count <= VGAdapter.longestCursor
        else { return nil }
        return PageToken(cursor)
    }

    func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        let agent = try agent(of: link, conversationID: conversationID)
        return call(.object, ["agentId": agent, "convoId": link.remoteID])
    }

    /// Under `data`, as in all of the vendor's responses.
    func conversation(in body: JSONValue) throws(Unreadable) -> Observation {
        try checkSuccess(body)
        guard let data = body["data"], data["state"] != nil || data["lastModified"] != nil || id(of: data) != nil else {
            throw Unreadable("the response does not contain a conversation: data has neither ID nor state")
        }
        return observation(of: data)
    }

    private func checkSuccess(_ body: JSONValue) throws(Unreadable) {
        if body["success"] == false { throw .reported("vg answered success=false", by: body) }
    }

    /// `userID` is not used: it may be the same for several conversations (docs/remotes/vg.md).
    func reportedIDs(in body: JSONValue) -> [String] {
        ["ID", "id", "convoId"].compactMap { body["data"]?[$0]?.reportedID }
    }

    /// The older form of an `ID` is `{agentId}_{convoId}`; a link may have the one or the other (docs/remotes/vg.md, "Reading").
    func linkedIDs(named id: String, agent: String?) -> [String] {
        [id] + [VGAdapter.bareID(of: id, agent: agent ?? settings.agentID)].compactMap { $0 }
    }

    /// What follows the agent in an id of the older form; nil for any other id.
    static func bareID(of id: String, agent: String?) -> String? {
        guard let agent, !agent.isEmpty else { return nil }
        let prefix = "\(agent)_".utf8
        // Compared as bytes, like all ids.
        guard id.utf8.count > prefix.count, id.utf8.starts(with: prefix) else { return nil }
        return String(decoding: id.utf8.dropFirst(prefix.count), as: UTF8.self)
    }

    /// `ID` is the documented one. `userID` is not unique for every conversation (docs/remotes/vg.md), so it comes last.
    private func id(of object: JSONValue) -> String? {
        ["ID", "id", "convoId", "userID"].lazy.compactMap { object[$0]?.reportedID }.first
    }

    private func observation(of object: JSONValue) -> Observation {
        Observation(
            word: object["state"]?.reportedWord, assignee: assignee(in: object), title: object["title"]?.stringValue,
            tags: object["tags"]?.reportedTags, changedAt: object["lastModified"]?.reportedUnixTime,
            lastMessageAt: object["lastMessageTS"]?.reportedUnixTime, interactions: object["totalUserInteractions"]?.integerValue)
    }

    private func assignee(in object: JSONValue) -> Observation.Assignee {
        switch object["chatAssignedTo"] {
        case .null?, .string("")?: .nobody
        case let value?: value.reportedID.map(Observation.Assignee.somebody) ?? .unknown
        case nil: .unknown
        }
    }
}
