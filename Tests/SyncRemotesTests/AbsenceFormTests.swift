import SyncCore
import SyncRemotes
import Testing

/// Which 404 and 405 responses come from the API itself.
@Suite struct AbsenceFormTests {
    private let now = Instant(milliseconds: 1_767_225_600_000)

    private func read(_ kind: Kind, _ reply: HTTPReply, overrides: [Int: OutcomeClass] = [:]) -> DeliveryOutcome {
        ReplyReader(
            adapter: kind.adapter(Profile(name: kind.name, kind: kind)), classifier: OutcomeClassifier(overrides: overrides)
        )
        .read(
            reply, delta: kind.receivesMessages ? nil : Delta(fields: [:]), redaction: Redaction(credential: "secret-token", body: .null),
            now: now)
    }

    private func readState(_ kind: Kind, _ reply: HTTPReply) -> DeliveryOutcome {
        ReplyReader(adapter: kind.adapter(Profile(name: kind.name, kind: kind)), classifier: OutcomeClassifier())
            .readState(reply, now: now).outcome
    }

    private func reply(_ status: Int, _ body: String) -> HTTPReply { HTTPReply(status: status, body: Array(body.utf8)) }

    @Test(arguments: [
        (Kind.vg, #"{"success":false,"message":"Conversation not found"}"#), (.vg, #"{"message":"not found","code":"NOT_FOUND"}"#),
        (.voicebot, #"{"message":"No query results for model [Conversation] 7"}"#), (.voicebot, "{}"),
    ])
    func `a 404 in JSON means that the object of a link is gone`(kind: Kind, body: String) {
        for outcome in [read(kind, reply(404, body)), readState(kind, reply(404, body))] {
            #expect(outcome.outcome == .gone)
            #expect(outcome.absence == .object)
            #expect(outcome.fate == .notApplied)
        }
    }

    @Test(arguments: [
        (Kind.helpdesk, #"{"error":{"type":"about:blank","title":"Not Found","status":404}}"#),
        (.helpdesk, #"{"type":"about:blank","title":"Not Found","status":404}"#),
        (.fin, #"{"type":"error.list","request_id":"r","errors":[{"code":"not_found","message":"no such conversation"}]}"#),
    ])
    func `at a kind without links, a 404 in JSON makes only the row dead`(kind: Kind, body: String) {
        let outcome = read(kind, reply(404, body))
        #expect(outcome.outcome == .dead)
        #expect(outcome.absence == .object)
    }

    @Test(arguments: Kinds.all)
    func `a 404 that is not from the API is retried and does not mean that an object is gone`(kind: Kind) {
        let bodies = ["", "<html>404</html>", "404 page not found", "[]", "\"Not Found\"", "null", "7", "{\"message\":"]
        for body in bodies {
            for outcome in [read(kind, reply(404, body)), readState(kind, reply(404, body))] {
                #expect(outcome.outcome == .retry, "\(body)")
                #expect(outcome.absence == .route, "\(body)")
                #expect(outcome.error?.hasPrefix("HTTP 404") == true)
                #expect(outcome.fate == .notApplied)
            }
        }
        let cut = HTTPReply(
            status: 404, body: Array("{}".utf8), bodyFailure: TransportFailure(.connectionClosed, detail: "broke off"))
        #expect(read(kind, cut).absence == .route)
    }

    @Test(arguments: Kinds.all, ["<html>405</html>", #"{"message":"Method Not Allowed"}"#, ""])
    func `a 405 concerns the route, whatever its form`(kind: Kind, body: String) {
        #expect(read(kind, reply(405, body)).outcome == .retry)
        #expect(read(kind, reply(405, body)).absence == .route)
    }

    @Test func `a 404 of a gateway in front of Fin is not taken for Intercom's`() {
        #expect(read(.fin, reply(404, #"{"message":"no Route matched with those values"}"#)).absence == .route)
    }

    @Test func `a 404 inside a 200 of the helpdesk is not an absence`() {
        let outcome = read(.helpdesk, reply(200, #"{"error":{"status":404}}"#))
        #expect(outcome.outcome == .dead)
        #expect(outcome.absence == nil)
    }

    @Test func `a status code that is configured for a class stays in that class`() {
        for outcome in [OutcomeClass.retry, .throttled, .park, .dead] {
            let classified = read(.vg, reply(404, "<html>"), overrides: [404: outcome, 405: outcome])
            #expect(classified.outcome == outcome)
            #expect(classified.absence == nil)
            #expect(read(.vg, reply(405, "<html>"), overrides: [405: outcome]).outcome == outcome)
        }
        #expect(read(.vg, reply(410, "{}"), overrides: [410: .gone]).absence == .object)
        #expect(read(.vg, reply(410, "<html>"), overrides: [410: .gone]).outcome == .retry)
    }
}
