import SyncCore
import Testing

@testable import SyncRemotes

/// A status value is reported whatever its type, and nothing is quoted that may be about a person.
@Suite struct ReportedWordTests {
    @Test(arguments: [
        ("\"open\"", "open"), ("\"On Hold\"", "On Hold"), ("\"à traiter\"", "à traiter"), ("\"a/b: c\"", "a/b: c"), ("7", "7"),
        ("1.50", "1.50"),
        ("true", "true"), ("false", "false"), ("{\"id\":3}", "(an object)"), ("[\"open\"]", "(an array)"), ("\"\"", "(an empty text)"),
        ("\"jane@example.com\"", "(a text of 16 characters)"), ("\"two\\nlines\"", "(a text of 9 characters)"),
        ("\"She says that her invoice is wrong, again\"", "(a text of 41 characters)"),
        ("12345678901234567890123456789012345678901", "(a long number)"),
    ])
    func `a status value of any JSON type is reported`(text: String, word: String) throws {
        #expect(try JSONValue(text: text).reportedWord == word)
    }

    @Test(arguments: [Observation.Assignee.somebody("99"), .nobody])
    func `a status value without a meaning is the reason given for the user that comes with it, too`(
        assignee: Observation.Assignee
    ) throws {
        let adapter = Kind.voicebot.adapter(Profile(name: "voicebot", kind: .voicebot))
        var snapshot = LinkSnapshot(
            Conversation(id: "c1", assigneeID: "anna"), remote: "voicebot", base: ["status": "in-progress", "user_id": 77], seat: "77")
        let outcome = adapter.reconcile(Observation(word: "snoozed", assignee: assignee), began: snapshot.now, snapshot)
        #expect(outcome.verdict.kind == .unmapped)
        #expect(outcome.verdict.rule.hasPrefix("`snoozed` is not mapped"), "\(outcome.verdict.rule)")
        #expect(outcome.unknownUser == nil, "a row in assignees would change nothing")
        snapshot.record = outcome.record
        let user = try #require(adapter.explain(snapshot).first { $0.name == "user_id" })
        #expect(user.decision == "left" && user.rule.hasPrefix("`snoozed` has no meaning here"), "\(user.rule)")
    }

    @Test func `beside a status value with a meaning, the reason is that the user is unknown`() throws {
        let adapter = Kind.voicebot.adapter(Profile(name: "voicebot", kind: .voicebot))
        let snapshot = LinkSnapshot(
            Conversation(id: "c1", assigneeID: "anna"), remote: "voicebot", base: ["status": "in-progress", "user_id": 77], seat: "77")
        let outcome = adapter.reconcile(Observation(word: "in-progress", assignee: .somebody("99")), began: snapshot.now, snapshot)
        #expect(outcome.verdict.kind == .left && outcome.verdict.rule.contains("assignees"), "\(outcome.verdict.rule)")
        #expect(outcome.unknownUser == "99")
    }

    @Test func `null is not reported as a status value`() {
        #expect(JSONValue.null.reportedWord == nil)
    }

    @Test(arguments: ["\"On Hold\"", "7", "true", "{}", "\"\""])
    func `a status value is reported alike by every remote and in an event`(status: String) throws {
        let vg = Kind.vg.adapter(Profile(name: "vg", kind: .vg, agentID: "a"))
        let voicebot = Kind.voicebot.adapter(Profile(name: "voicebot", kind: .voicebot))
        let helpdesk = Kind.helpdesk.adapter(Profile(name: "helpdesk", kind: .helpdesk))
        let word = try JSONValue(text: status).reportedWord
        #expect(try vg.conversation(in: JSONValue(text: "{\"success\":true,\"data\":{\"ID\":\"1\",\"state\":\(status)}}")).word == word)
        #expect(try voicebot.conversation(in: JSONValue(text: "{\"id\":1,\"status\":\(status)}")).word == word)
        #expect(try helpdesk.conversation(in: JSONValue(text: "{\"data\":{\"id\":\"1\",\"status\":\(status)}}")).word == word)
        let event = try JSONValue(
            text: "{\"event_name\":\"fin_status_updated\",\"conversation_id\":\"c\",\"status\":\(status),\"created_at_ms\":1768000000000}")
        guard case .notices(let notices) = try Kind.fin.webhook?.read(WebhookBody(Array(event.text.utf8)), [:]),
            case .status(_, let shown, _, _)? = notices.first
        else {
            return _ = Issue.record("not a status")
        }
        #expect(shown == word)
    }
}
