import SyncCore
import SyncRemotes
import Testing

/// A column that cannot be read leaves out the fields that depend on it, at the remotes that have them.
@Suite struct UnreadableColumnTests {
    private let everything: [Conversation.Column: String] = [.status: "S", .tags: "T", .attributes: "A"]

    private func conversation(_ unreadable: [Conversation.Column: String], user problem: String? = nil) -> Conversation {
        Conversation(
            id: "c1", title: "t", tags: unreadable[.tags] == nil ? ["new"] : nil,
            attributes: unreadable[.attributes] == nil ? ["k": 1] : nil,
            assigneeID: "jane",
            user: User(id: "u1", name: "Jane", attributes: problem == nil ? ["p": "x"] : nil, unreadableAttributes: problem),
            unreadable: unreadable)
    }

    private func projection(
        _ kind: Kind, _ conversation: Conversation, fields: [String: String] = [:], seats: TwoWayRules.Seats = .init()
    ) -> Projection {
        var profile = Profile(name: "r", kind: kind, agentID: "a")
        for (field, source) in fields { profile.map(field, to: source) }
        return kind.adapter(profile).project(conversation, seats: seats)
    }

    private func omitted(_ projection: Projection) -> [String] {
        projection.omissions.map { "\($0.field): \($0.reason)" }.sorted()
    }

    @Test func `the helpdesk gets all other fields, and none as null`() {
        let projection = projection(.helpdesk, conversation(everything, user: "U"))
        #expect(omitted(projection) == ["attributes: A", "status: S", "tags: T", "user.attributes: U"])
        #expect(Set(projection.fields.keys) == ["title", "assignee_id", "last_user_read_at", "user.id", "user.name", "user.user_type"])
    }

    @Test func `voicebot depends only on the status`() {
        let seats = TwoWayRules.Seats("jane", 7)
        #expect(projection(.voicebot, conversation([.tags: "T", .attributes: "A"], user: "U"), seats: seats).omissions == [])
        let projection = projection(.voicebot, conversation(everything), seats: seats)
        #expect(omitted(projection) == ["status: S"])
        #expect(projection.fields == ["user_id": 7])
    }

    @Test func `vg lacks the fields that are mapped to the column, and no others`() {
        let fields = ["leadScore": "attributes.score", "note": "user.attributes.note", "summary": "status"]
        let projection = projection(.vg, conversation(everything, user: "U"), fields: fields)
        #expect(omitted(projection) == ["leadScore: A", "note: U", "state: S", "summary: S", "tags: T"])
        #expect(projection.fields == ["title": "t", "userName": "Jane"])
    }

    @Test func `a message goes to Fin without the user's attributes`() {
        let adapter = Kind.fin.adapter(Profile(name: "fin", kind: .fin))
        let user = User(id: "u1", name: "Jane", attributes: nil, unreadableAttributes: "U")
        let message = Message(id: "m1", conversationID: "c1", body: "Hello", createdAt: "2026-01-01T00:00:00.000Z")
        guard case .send(let planned) = adapter.plan(MessageSnapshot(remote: "fin", message: .success(message), user: user)) else {
            Issue.record("not sent")
            return
        }
        #expect(planned.call.body["user"] == ["id": "u1", "name": "Jane"])
        #expect(planned.omissions == [Omission(field: "user.attributes", reason: "U")])
    }

    @Test func `a field that was left out is due as soon as its column can be read`() {
        let adapter = Kind.helpdesk.adapter(Profile(name: "r", kind: .helpdesk))
        let base: Fields = ["attributes": ["k": 0], "tags": ["old"]]
        func due(_ conversation: Conversation) -> Fields {
            let decision = adapter.plan(LinkSnapshot(conversation, base: base)).decision
            guard case .send(let planned) = decision else { return [:] }
            return planned.delta?.fields ?? [:]
        }
        #expect(due(conversation(everything))["attributes"] == nil)
        #expect(due(conversation(everything))["tags"] == nil)
        #expect(due(conversation([:]))["attributes"] == ["k": 1])
        #expect(due(conversation([:]))["tags"] == ["new"])
    }

    @Test func `values that the helpdesk's document does not allow are left out`() {
        var conversation = conversation([:])
        conversation.lastUserReadAt = "yesterday"
        conversation.user?.userType = "agent"
        let projection = projection(.helpdesk, conversation)
        #expect(projection.omissions.map(\.field).sorted() == ["last_user_read_at", "user.user_type"])
        #expect(projection.fields["last_user_read_at"] == nil)
        #expect(projection.fields["user.user_type"] == nil)
        #expect(projection.omissions.allSatisfy { !$0.reason.contains("yesterday") && !$0.reason.contains("\"agent\"") })
    }
}
