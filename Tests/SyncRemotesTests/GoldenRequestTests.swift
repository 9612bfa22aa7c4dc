import SyncCore
import SyncRemotes
import Testing

/// What is sent, file by file: `Golden/KIND/requests`.
@Suite struct GoldenRequestTests {
    @Test(arguments: Golden.names(.helpdesk, .requests))
    func `requests to the helpdesk are as their files state`(_ name: String) throws { try checkState(.helpdesk, name) }

    @Test(arguments: Golden.names(.voicebot, .requests))
    func `requests to voicebot are as their files state`(_ name: String) throws { try checkState(.voicebot, name) }

    @Test(arguments: Golden.names(.vg, .requests))
    func `requests to vg are as their files state`(_ name: String) throws { try checkState(.vg, name) }

    @Test(arguments: Golden.names(.fin, .requests))
    func `requests to fin are as their files state`(_ name: String) throws {
        let file = try Golden.object(
            .fin, .requests, name,
            members: ["name", "profile", "message", "user", "taken", "headers", "expect", "omissions", "known_issue"])
        let adapter = Kind.fin.adapter(try Profile(golden: file["profile"], kind: .fin))
        let snapshot = MessageSnapshot(
            remote: adapter.profile.name, message: .success(try message(file["message"])), user: try User(golden: file["user"]),
            takenTimestamps: TakenTimestamps(Golden.strings(file["taken"])))
        try Golden.withPossibleIssue(file) {
            let decision = adapter.plan(snapshot)
            try expect(decision, file)
            expectOmissions(decision, file)
            for (header, value) in file["headers"]?.objectValue ?? [:] {
                #expect(adapter.headers.first { $0.name == header }?.value == value.stringValue)
            }
        }
    }

    @Test(arguments: zip(Kinds.all, [20, 12, 25, 30]))
    func `every kind has its request files`(_ kind: Kind, _ atLeast: Int) {
        #expect(Golden.names(kind, .requests).count >= atLeast)
    }

    @Test func `no conversation state is sent to fin`() {
        let adapter = Kind.fin.adapter(Profile(name: "fin", kind: .fin))
        let conversation = Conversation(id: "conv_456", title: "Pricing", status: .resolved, user: User(id: "user_1"))
        let snapshot = LinkSnapshot(conversation, remote: "fin", link: Link(remoteID: "conv_456"))
        #expect(adapter.plan(snapshot).decision == .upToDate(omissions: []))
    }

    // MARK: Checks

    private func checkState(_ kind: Kind, _ name: String) throws {
        let file = try Golden.object(
            kind, .requests, name,
            members: [
                "name", "profile", "conversation", "base", "seen", "in_doubt", "remote_assignee_id", "link", "expect", "omissions",
                "known_issue",
            ])
        let adapter = kind.adapter(try Profile(golden: file["profile"], kind: kind))
        let conversation = try Conversation(golden: file["conversation"])
        let link = Link(
            remoteID: file["link"]?["remote_id"]?.stringValue ?? (kind.needsLink ? "123" : conversation.id),
            agentID: file["link"]?["agent_id"]?.stringValue)
        let (base, seen) = (file["base"]?.objectValue ?? [:], file["seen"]?.objectValue ?? [:])
        // Where the file does not list attempted values, they are the known ones.
        let inDoubt = Fields(
            members: Golden.strings(file["in_doubt"]).map { name in
                (name, name == "user.id" ? .string("user_other") : seen[name] ?? base[name] ?? .string("?"))
            })
        let decision = adapter.plan(
            LinkSnapshot(
                conversation, remote: adapter.profile.name, link: link, base: base, inDoubt: inDoubt, seen: seen,
                seat: file["remote_assignee_id"]?.stringValue)
        ).decision
        try Golden.withPossibleIssue(file) {
            try expect(decision, file)
            expectOmissions(decision, file)
        }
    }

    private func expect(_ decision: PlanDecision, _ file: JSONObject) throws {
        let wanted = file["expect"] ?? .null
        switch decision {
        case .upToDate:
            #expect(wanted["up_to_date"] == true)
        case .send(let planned), .hold(let planned, _, _):
            #expect(planned.call.method == wanted["method"]?.stringValue)
            #expect(planned.call.path == wanted["path"]?.stringValue)
            // As texts: a difference is readable, and a number must not turn into another type.
            #expect(planned.call.body.text == wanted["body"]?.text)
        case .refuse(_, let refusal):
            let part = try #require(wanted["refused"]?.stringValue, "refused: \(refusal.reason)")
            #expect(refusal.reason.contains(part))
        }
    }

    /// `omissions` lists fields with a part of the reason; where it is missing there must be none.
    private func expectOmissions(_ decision: PlanDecision, _ file: JSONObject) {
        let omissions: [Omission] =
            switch decision {
            case .upToDate(let omissions): omissions
            case .send(let planned), .hold(let planned, _, _): planned.omissions
            case .refuse: []
            }
        let wanted = file["omissions"]?.objectValue ?? [:]
        #expect(Set(omissions.map(\.field)) == Set(wanted.keys))
        for omission in omissions {
            #expect(omission.reason.contains(wanted[omission.field]?.stringValue ?? ""), "\(omission.field)")
        }
    }

    private func message(_ value: JSONValue?) throws -> Message {
        let object = value?.objectValue ?? [:]
        try Golden.check(object, "message", ["id", "conversation_id", "body", "created_at", "attachments"])
        return Message(
            id: object["id"]?.stringValue ?? "m1", conversationID: object["conversation_id"]?.stringValue ?? "conv_456",
            body: object["body"]?.stringValue, createdAt: object["created_at"]?.stringValue ?? "2025-01-24T10:01:20.000Z",
            attachments: object["attachments"]?.arrayValue ?? [])
    }
}
