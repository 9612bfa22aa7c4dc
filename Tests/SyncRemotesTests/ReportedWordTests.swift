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
