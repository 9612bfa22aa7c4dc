import SyncCore
import Testing

@testable import SyncRemotes

/// A response about another object than the requested one is not a report.
@Suite struct StrayReportTests {
    private func adapter(_ kind: Kind) -> any Adapter {
        kind.adapter(Profile(name: "r", kind: kind, agentID: "a"))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var kind: Kind
        var asked: String
        var body: String
        /// Nil: it is about the requested object.
        var answered: String?
        var testDescription: String { "\(kind.name) \(asked) \(body)" }

        init(_ kind: Kind, _ asked: String, _ body: String, _ answered: String? = nil) {
            (self.kind, self.asked, self.body, self.answered) = (kind, asked, body, answered)
        }
    }

    static let cases = [
        Case(.voicebot, "17", #"{"id": 17, "status": "done"}"#), Case(.voicebot, "17", #"{"id": "17", "status": "done"}"#),
        Case(.voicebot, "17", #"{"data": {"id": 17, "status": "done"}}"#), Case(.voicebot, "17", #"{"status": "done"}"#),
        Case(.voicebot, "17", #"{"id": null, "status": "done"}"#),
        Case(.voicebot, "17", #"{"id": 18, "status": "done"}"#, "18"), Case(.voicebot, "17", #"{"id": "18", "status": "done"}"#, "18"),
        Case(.voicebot, "17", #"{"id": "017", "status": "done"}"#, "017"),
        Case(.voicebot, "17", #"{"data": {"id": 18, "status": "done"}}"#, "18"),
        // The customer and the user have ids of their own.
        Case(.voicebot, "17", #"{"id": 17, "status": "done", "user": {"id": 18}, "customer": {"id": 19}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "convo-9", "state": "ended_chat"}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "convo-9", "userID": "u-1", "state": "ended_chat"}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"userID": "u-1", "state": "ended_chat"}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"state": "ended_chat"}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "agent_convo-9", "convoId": "convo-9", "state": "ended_chat"}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "convo-8", "state": "ended_chat"}}"#, "convo-8"),
        Case(.vg, "convo-9", #"{"success": true, "data": {"id": "convo-8", "state": "ended_chat"}}"#, "convo-8"),
        Case(.vg, "convo-9", #"{"success": true, "data": {"convoId": "convo-8", "state": "ended_chat"}}"#, "convo-8"),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "Convo-9", "state": "ended_chat"}}"#, "Convo-9"),
        // The older form of an id: the agent of these cases is `a`.
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "a_convo-9", "state": "ended_chat"}}"#),
        Case(.vg, "a_convo-9", #"{"success": true, "data": {"ID": "a_convo-9", "state": "ended_chat"}}"#),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "a_convo-8", "state": "ended_chat"}}"#, "a_convo-8"),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "b_convo-9", "state": "ended_chat"}}"#, "b_convo-9"),
        Case(.vg, "convo-9", #"{"success": true, "data": {"ID": "aconvo-9", "state": "ended_chat"}}"#, "aconvo-9"),
        Case(.vg, "caf\u{E9}", "{\"success\": true, \"data\": {\"ID\": \"cafe\u{301}\", \"state\": \"ended_chat\"}}", "cafe\u{301}"),
        Case(.vg, "9", #"{"success": true, "data": {"ID": 9, "state": "ended_chat"}}"#),
        Case(.helpdesk, "c1", #"{"data": {"id": "c1", "status": "closed"}}"#), Case(.helpdesk, "c1", #"{"data": {"status": "closed"}}"#),
        Case(.helpdesk, "c1", #"{"data": {"id": "c2", "status": "closed"}}"#, "c2"),
        Case(.helpdesk, "c1", #"{"data": {"id": "c1", "status": "closed", "user": {"id": "u1"}}}"#),
        Case(.fin, "c1", #"{"conversation_id": "c1", "user_id": "u1", "status": "thinking"}"#),
        Case(.fin, "c1", #"{"user_id": "u1", "status": "thinking"}"#),
        // A response of Fin belongs to its call.
        Case(.fin, "c1", #"{"conversation_id": "c2", "user_id": "u1", "status": "complete"}"#),
    ]

    @Test(arguments: cases)
    func `ids are compared as text, and a body without an id is about the requested object`(entry: Case) throws {
        let stray = adapter(entry.kind).strayReport(in: try JSONValue(text: entry.body), asked: entry.asked)
        #expect(stray?.answered == entry.answered)
        #expect(stray?.asked == entry.answered.map { _ in entry.asked })
    }

    /// The call counts as delivered, and no value of the response is used.
    @Test(arguments: cases)
    func `no value is used from a response to a write that is about another object`(entry: Case) throws {
        let outcome = ReplyReader(adapter: adapter(entry.kind), classifier: OutcomeClassifier()).read(
            HTTPReply(status: 200, body: Array(entry.body.utf8)),
            delta: entry.kind == .fin ? nil : Delta(fields: ["status": "open", "state": "x"]),
            about: entry.asked, redaction: Redaction(credential: nil, body: .null), now: Instant(milliseconds: 0))
        #expect(outcome.outcome == .delivered)
        #expect(outcome.error == nil)
        #expect((outcome.stray == nil) == (entry.answered == nil))
        #expect((outcome.observation == nil) == (entry.answered != nil))
        if entry.answered != nil { #expect(outcome.drift.isEmpty) }
    }

    @Test func `the agent in an id of vg's older form is that of the link`() throws {
        let body: JSONValue = ["success": true, "data": ["ID": "agent-2_convo-9", "state": "ended_chat"]]
        #expect(adapter(.vg).strayReport(in: body, asked: "convo-9", of: "agent-2") == nil)
        #expect(adapter(.vg).strayReport(in: body, asked: "convo-9", of: "agent-1")?.answered == "agent-2_convo-9")
        #expect(adapter(.vg).strayReport(in: body, asked: "convo-9")?.answered == "agent-2_convo-9")
        let outcome = ReplyReader(adapter: adapter(.vg), classifier: OutcomeClassifier()).read(
            HTTPReply(status: 200, body: Array(body.text.utf8)), delta: Delta(fields: [:]), about: "convo-9", of: "agent-2",
            redaction: Redaction(credential: nil, body: .null), now: Instant(milliseconds: 0))
        #expect(outcome.stray == nil)
        #expect(outcome.observation?.word == "ended_chat")
    }

    @Test func `a row of vg's list with an id of the older form is about either link`() throws {
        let body: JSONValue = ["success": true, "data": [["ID": "agent-2_c9", "state": "ended_chat"], ["ID": "c8"], ["ID": "agent-2_"]]]
        let rows = try adapter(.vg).page(in: body, after: nil, of: "agent-2").rows
        #expect(rows.map(\.remoteID) == ["agent-2_c9", "c9", "c8", "agent-2_"])
        #expect(rows.map(\.observation.word) == ["ended_chat", "ended_chat", nil, nil])
        #expect(try adapter(.vg).page(in: body, after: nil).rows.map(\.remoteID) == ["agent-2_c9", "c8", "agent-2_"])
        let own: JSONValue = ["success": true, "data": [["ID": "a_c9"]]]
        #expect(try adapter(.vg).page(in: own, after: nil).rows.map(\.remoteID) == ["a_c9", "c9"])
    }

    @Test func `what Fin did not take is kept, whatever conversation its response names`() throws {
        let body: JSONValue = ["conversation_id": "c2", "status": "thinking", "errors": ["user": ["attributes": ["plan": "unknown"]]]]
        let outcome = ReplyReader(adapter: adapter(.fin), classifier: OutcomeClassifier()).read(
            HTTPReply(status: 200, body: Array(body.text.utf8)), delta: nil, about: "c1",
            redaction: Redaction(credential: nil, body: .null), now: Instant(milliseconds: 0))
        #expect(outcome.outcome == .delivered && outcome.stray == nil)
        #expect(outcome.observation?.word == "thinking")
        #expect(outcome.partialErrors == ["user attribute plan: unknown"])
        // Nor does a stray response of any kind take it away.
        #expect(outcome.withoutReport(StrayReport(asked: "c1", answered: "c2")).partialErrors == ["user attribute plan: unknown"])
    }

    @Test func `a failure inside a 200 counts, whatever object it is about`() throws {
        for (kind, body) in [
            (Kind.vg, #"{"success": false, "message": "no", "data": {"ID": "other"}}"#),
            (.helpdesk, #"{"error": {"status": 400}, "data": {"id": "other"}}"#),
        ] {
            let outcome = ReplyReader(adapter: adapter(kind), classifier: OutcomeClassifier()).read(
                HTTPReply(status: 200, body: Array(body.utf8)), delta: Delta(fields: [:]), about: "c1",
                redaction: Redaction(credential: nil, body: .null), now: Instant(milliseconds: 0))
            #expect(outcome.outcome != .delivered)
            #expect(outcome.stray == nil)
        }
    }

    @Test func `an id of any length is shown on one line`() throws {
        let body = JSONValue.object(["id": .string("a\n" + String(repeating: "x", count: 5000)), "status": "done"])
        let stray = try #require(adapter(.voicebot).strayReport(in: body, asked: "17"))
        #expect(stray.answered.count == 100)
        #expect(!stray.text.contains("\n"))
    }
}

/// `chatAssignedTo = "assignee_id"` uses the table assignees.
@Suite struct MappedAssigneeTests {
    private func project(_ assignee: String?, _ remoteID: String?, fields: [String: String] = ["chatAssignedTo": "assignee_id"])
        -> Projection
    {
        let profile = Profile(name: "vg-eu", kind: .vg, own: ["fields": .table(fields)], agentID: "a", aiAssignees: ["agent_fin"])
        return profile.kind.adapter(profile).project(
            Conversation(id: "c1", assigneeID: assignee), seats: .init(assignee, remoteID.map(JSONValue.string)))
    }

    @Test func `a person is sent as their id at the remote`() {
        #expect(project("anna", "client_7").fields["chatAssignedTo"] == "client_7")
        #expect(project("anna", "client_7").omissions.isEmpty)
    }

    @Test func `without a row in assignees nothing is sent, and the reason says where to add one`() {
        let projection = project("anna", nil)
        #expect(projection.fields["chatAssignedTo"] == nil)
        #expect(
            projection.omissions == [
                Omission(field: "chatAssignedTo", reason: "the assignee has no row for remote \"vg-eu\" in the table assignees")
            ])
    }

    @Test(arguments: [(nil, nil), ("agent_fin", nil), ("agent_fin", "client_bot")] as [(String?, String?)])
    func `nothing is sent for the AI and for an empty assignment`(assignee: String?, remoteID: String?) {
        let projection = project(assignee, remoteID)
        #expect(projection.fields["chatAssignedTo"] == nil)
        #expect(projection.omissions.isEmpty)
    }

    @Test func `other fields and other sources are not mapped`() {
        let projection = project("anna", "client_7", fields: ["notes": "assignee_id", "chatAssignedTo": "id"])
        #expect(projection.fields["notes"] == "anna")
        #expect(projection.fields["chatAssignedTo"] == "c1")
    }
}
