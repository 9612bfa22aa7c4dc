extension VGSystem {
    private static let maximumPageSize = 20

    /// `GET /agents/{agentId}/convos`: newest first, at most 20 per page, further pages by cursor only (docs/remotes/vg.md).
    ///
    /// The place of the cursor members in the response is not documented; here they are beside `data`.
    mutating func list(agent: String, call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        let query = call.request.target.query
        let limit = try Self.limit(query["limit"])
        if let page = query["page"], page != "1", query["cursor"] == nil {
            throw RemoteRefusal(status: 400, code: "invalid_page", message: "a page beyond the first needs a cursor")
        }
        var start: VGListPosition?
        if let cursor = query["cursor"] {
            guard let position = VGListPosition(cursor: cursor) else {
                throw RemoteRefusal(status: 400, code: "invalid_cursor", message: "the cursor is not one of this list")
            }
            start = position
        }
        let earlier = mirror.before(lastChanges: context.options.staleChanges)
        let rest = order(agent: agent, earlier: earlier, context: context).after(start)
        let shown = rest.prefix(limit)
        let hasMore = rest.count > shown.count
        let rows = shown.compactMap { position -> SandboxJSON? in
            let key = ConversationKey(position.id, agent: agent)
            return (earlier[key] ?? lag.listed(key) ?? conversations[key]).map(Self.listed)
        }
        var body = Self.envelope(.array(rows), message: "Conversations found")
        if case .object(var members) = body {
            members["hasMore"] = .boolean(hasMore)
            members["nextCursor"] = hasMore ? .optional(shown.last?.cursor) : .null
            body = .object(members)
        }
        return RemoteResponse(body: body, outcome: .read)
    }

    private static func limit(_ text: String?) throws(RemoteRefusal) -> Int {
        guard let text else { return maximumPageSize }
        guard let value = Int(text), (1...maximumPageSize).contains(value) else {
            throw RemoteRefusal(status: 400, code: "invalid_limit", message: "limit must be an integer from 1 to \(maximumPageSize)")
        }
        return value
    }

    /// Rows of the mirror may lack fields that only the live document has, such as the title (docs/remotes/vg.md).
    private static func listed(_ conversation: VGConversation) -> SandboxJSON {
        guard case .object(var members) = conversation.document else { return .null }
        members["title"] = nil
        members["lastMessage"] = nil
        return .object(members)
    }

    private mutating func order(
        agent: String,
        earlier: [ConversationKey: VGConversation?],
        context: RemoteContext
    ) -> VGListOrder {
        let basis = VGListOrder.Basis(
            agent: agent,
            changeCount: mirror.changeCount,
            staleChanges: context.options.staleChanges,
            byLastModified: context.options.listOrder == .lastModified,
            deleted: context.options.deleted
        )
        if let listOrder, listOrder.basis == basis { return listOrder }
        var positions: [VGListPosition] = []
        for (key, live) in conversations where key.agent == agent {
            let seen: VGConversation? = if let known = earlier[key] { known } else { live }
            guard let conversation = seen, conversation.isListed, !key.isNamed(in: basis.deleted) else { continue }
            let time = basis.byLastModified ? conversation.lastModified : Int(conversation.startedAt.number ?? 0)
            positions.append(VGListPosition(time: time, id: key.conversation))
        }
        positions.sort()
        let order = VGListOrder(basis: basis, positions: positions)
        listOrder = order
        return order
    }
}
