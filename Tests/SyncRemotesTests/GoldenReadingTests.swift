import SyncCore
import SyncRemotes
import Testing

/// How the remotes are read, file by file: `Golden/KIND/reading`.
///
/// A file contains one of `body` (a response with one conversation), `page` (a response with a list), `list` and `read` (calls).
@Suite struct GoldenReadingTests {
    @Test(arguments: Golden.names(.helpdesk, .reading))
    func `responses of the helpdesk are read as their files state`(_ name: String) throws { try check(.helpdesk, name) }

    @Test(arguments: Golden.names(.fin, .reading))
    func `responses of fin are read as their files state`(_ name: String) throws { try check(.fin, name) }

    @Test(arguments: Golden.names(.voicebot, .reading))
    func `responses of voicebot are read as their files state`(_ name: String) throws { try check(.voicebot, name) }

    @Test(arguments: Golden.names(.vg, .reading))
    func `responses of vg are read as their files state`(_ name: String) throws { try check(.vg, name) }

    @Test(arguments: zip(Kinds.all, [25, 4, 50, 60]))
    func `every kind has its reading files`(_ kind: Kind, _ atLeast: Int) {
        #expect(Golden.names(kind, .reading).count >= atLeast)
    }

    private func check(_ kind: Kind, _ name: String) throws {
        let file = try Golden.object(
            kind, .reading, name, members: ["name", "profile", "body", "page", "after", "list", "read", "expect", "known_issue"])
        let adapter = kind.adapter(try Profile(golden: file["profile"], kind: kind))
        let expected = try #require(file["expect"])
        try Golden.withPossibleIssue(file) {
            if let body = file["body"] {
                try checkObject(adapter, body, expected)
            } else if let body = file["page"] {
                try checkPage(adapter, body, after: file["after"]?.stringValue.map(PageToken.init), expected)
            } else {
                try checkCall(adapter, file, expected)
            }
        }
    }

    private func checkObject(_ adapter: any Adapter, _ body: JSONValue, _ expected: JSONValue) throws {
        let observation: Observation
        do throws(Unreadable) {
            observation = try adapter.conversation(in: body)
        } catch {
            return try expect(reason: error.reason, expected)
        }
        var members = try #require(expected.objectValue)
        let kept = members.removeValue(forKey: "seen")
        let seen = try #require(kept, "the file does not say what is kept")
        let wanted = try Observation(golden: .object(members))
        #expect(members["interactions"] == nil ? observation.withoutCounts == wanted : observation == wanted)
        // As texts: a number must not turn into another type.
        #expect(JSONValue.object(adapter.seenFields(observation)).text == seen.text)
    }

    private func checkPage(_ adapter: any Adapter, _ body: JSONValue, after token: PageToken?, _ expected: JSONValue) throws {
        do throws(Unreadable) {
            let page = try adapter.page(in: body, after: token)
            let rows = expected["rows"]?.arrayValue ?? []
            #expect(page.rows.map(\.remoteID) == rows.compactMap { $0["id"]?.stringValue })
            for (row, wanted) in zip(page.rows, rows) {
                let observation = try? Observation(golden: .object((wanted.objectValue ?? [:]).filter { $0.key != "id" }))
                #expect(row.observation.withoutCounts == observation, "row \(row.remoteID)")
            }
            #expect(JSONValue.nullable(page.next?.text) == expected["next"])
        } catch {
            try expect(reason: error.reason, expected)
        }
    }

    private func checkCall(_ adapter: any Adapter, _ file: JSONObject, _ expected: JSONValue) throws {
        let call: OutboundCall?
        if let list = file["list"]?.objectValue {
            try Golden.check(list, "list", ["agent", "after"])
            call = adapter.listCall(agent: list["agent"]?.stringValue, after: list["after"]?.stringValue.map(PageToken.init))
        } else {
            let read = try #require(file["read"]?.objectValue)
            try Golden.check(read, "read", ["conversation_id", "remote_id", "agent_id"])
            do throws(Unsendable) {
                call = try adapter.readCall(
                    conversationID: read["conversation_id"]?.stringValue ?? "conv_456",
                    link: Link(remoteID: read["remote_id"]?.stringValue ?? "", agentID: read["agent_id"]?.stringValue))
            } catch {
                return try expect(reason: error.reason, expected)
            }
        }
        guard let call else {
            #expect(expected == ["none": true])
            return
        }
        #expect(call.operation == expected["operation"]?.stringValue)
        #expect(call.method == expected["method"]?.stringValue)
        #expect(call.path == expected["path"]?.stringValue)
        #expect(call.body.text == expected["body"]?.text)
    }

    private func expect(reason: String, _ expected: JSONValue) throws {
        let part = try #require(expected["refused"]?.stringValue, "refused: \(reason)")
        #expect(reason.contains(part), "\(reason)")
        #expect(reason.count <= 300)
        #expect(!reason.contains("\n"))
        for part in Golden.strings(expected["lacks"]) { #expect(!reason.contains(part), "\(part) in: \(reason)") }
    }
}

extension Observation {
    /// Without the members that only some files have: the number of interactions, and the time of the last message.
    var withoutCounts: Observation {
        var observation = self
        (observation.lastMessageAt, observation.interactions) = (nil, nil)
        return observation
    }

    /// Reads an observation: a missing `assignee` is unknown, null is nobody; times are ISO 8601.
    init(golden value: JSONValue) throws {
        let object = value.objectValue ?? [:]
        try Golden.check(
            object, "observation",
            ["word", "assignee", "title", "tags", "changed_at", "last_user_message_at", "last_message_at", "interactions"])
        self.init(
            word: object["word"]?.stringValue, title: object["title"]?.stringValue, tags: object["tags"].map { Golden.strings($0) },
            changedAt: object["changed_at"]?.stringValue.flatMap(Instant.init(iso8601:)),
            lastUserMessageAt: object["last_user_message_at"]?.stringValue.flatMap(Instant.init(iso8601:)),
            lastMessageAt: object["last_message_at"]?.stringValue.flatMap(Instant.init(iso8601:)),
            interactions: object["interactions"]?.integerValue)
        switch object["assignee"] {
        case .null?: assignee = .nobody
        case .string(let id)?: assignee = .somebody(id)
        case nil: assignee = .unknown
        default: throw Golden.Broken(description: "observation.assignee")
        }
    }
}
