import SyncCore
import SyncRemotes
import Testing

/// A response with an incomplete body, or one that cannot be decoded: its status is known nevertheless.
@Suite struct UnreadableResponseTests {
    private static let failures = [
        TransportFailure(.responseTooLarge, detail: "larger than max_response_size"), TransportFailure(.timeout, detail: "never ended"),
        TransportFailure(.connectionClosed, detail: "broke off"), TransportFailure(.invalidResponse, detail: "no gzip"),
    ]

    private let now = Instant(milliseconds: 1_767_225_600_000)

    private func reader(_ kind: Kind) -> ReplyReader {
        ReplyReader(adapter: kind.adapter(Profile(name: kind.name, kind: kind)), classifier: OutcomeClassifier())
    }

    private func read(_ kind: Kind, _ reply: HTTPReply) -> DeliveryOutcome {
        reader(kind).read(
            reply, delta: kind.receivesMessages ? nil : Delta(fields: ["status": "done"]),
            redaction: Redaction(credential: "secret-token", body: .null),
            now: now)
    }

    @Test(arguments: Kinds.all, failures)
    func `a 2xx that cannot be read makes the row dead, so that it is not sent again`(kind: Kind, failure: TransportFailure) {
        for status in [200, 201, 202, 204] {
            // The part that arrived must not be taken for the whole.
            let reply = HTTPReply(status: status, body: Array(#"{"success":true}"#.utf8), bodyFailure: failure)
            let outcome = read(kind, reply)
            #expect(outcome.outcome == .dead)
            #expect(outcome.fate == .unknown)
            #expect(outcome.httpStatus == status)
            #expect(outcome.error?.hasPrefix("HTTP \(status), but the response cannot be read: \(failure.kind.rawValue)") == true)
            #expect(outcome.error?.contains(failure.detail) == true)
        }
    }

    @Test func `a call whose response was not read because of a stop is interrupted`() {
        let reply = HTTPReply(status: 200, bodyFailure: TransportFailure(.cancelled, detail: "stopped"))
        let outcome = read(.fin, reply)
        #expect(outcome.outcome == .interrupted)
        #expect(outcome.fate == .unknown)
    }

    @Test(arguments: [
        (401, OutcomeClass.park, CallFate.notApplied), (413, .dead, .notApplied), (422, .dead, .notApplied), (429, .throttled, .notApplied),
        (500, .retry, .unknown), (501, .retry, .notApplied),
    ])
    func `any other status counts as if the body were empty`(status: Int, outcome: OutcomeClass, fate: CallFate) {
        let body = Array(#"{"message":"half of it"}"#.utf8)
        let cut = read(
            .voicebot, HTTPReply(status: status, body: body, bodyFailure: TransportFailure(.connectionClosed, detail: "broke off")))
        let empty = read(.voicebot, HTTPReply(status: status))
        #expect(cut.outcome == outcome && empty.outcome == outcome)
        #expect(cut.fate == fate && empty.fate == fate)
        #expect(cut.error == empty.error)
    }

    @Test(arguments: [200, 201, 202])
    func `an empty 2xx is an acknowledgement only where the kind documents one, which is 204`(status: Int) {
        #expect(read(.voicebot, HTTPReply(status: status)).outcome == .dead)
        #expect(read(.voicebot, HTTPReply(status: 204)).outcome == .delivered)
    }

    @Test(arguments: failures)
    func `a read whose response cannot be read is retried`(failure: TransportFailure) {
        let (outcome, body) = reader(.voicebot).readState(HTTPReply(status: 200, body: Array("{}".utf8), bodyFailure: failure), now: now)
        #expect(body == nil)
        #expect(outcome.outcome == .retry)
        #expect(outcome.httpStatus == 200)
    }

    @Test(arguments: [
        (Kind.voicebot, "<html>busy</html>", OutcomeClass.retry), (.voicebot, "", .retry), (.voicebot, "[]", .dead),
        (.helpdesk, #"{"error":{"status":503}}"#, .retry), (.helpdesk, #"{"error":{"title":"Marta Markname"}}"#, .retry),
        (.helpdesk, #"{"error":{"status":429}}"#, .throttled), (.vg, #"{"success":false,"message":"Marta Markname"}"#, .retry),
    ])
    func `a read with a 2xx that shows a failure of the remote is not about the object`(kind: Kind, text: String, expected: OutcomeClass) {
        let (outcome, body) = reader(kind).readState(HTTPReply(status: 200, body: Array(text.utf8)), now: now)
        #expect(outcome.outcome == expected && body == nil)
        #expect(outcome.error?.hasPrefix("HTTP 200 with ") == true)
        #expect(outcome.error?.contains("Markname") == false, "it is unknown whom the error is about")
    }

    @Test func `another error in the response to a read is left to the reader of the object`() {
        for status in [404, 422] {
            let reply = HTTPReply(status: 200, body: Array("{\"error\":{\"status\":\(status)}}".utf8))
            let (outcome, body) = reader(.helpdesk).readState(reply, now: now)
            #expect(outcome.outcome == .delivered && body != nil)
        }
    }

    @Test(arguments: [
        (#"{"error":{"status":500}}"#, CallFate.unknown), (#"{"error":{"status":502}}"#, .unknown),
        (#"{"error":{"status":503}}"#, .unknown),
        (#"{"error":{"status":501}}"#, .notApplied), (#"{"error":{"status":422}}"#, .notApplied),
        (#"{"error":{"status":429}}"#, .notApplied),
        (#"{"error":{"title":"Oops"}}"#, .unknown), (#"{"error":{"status":200}}"#, .unknown), (#"{"error":"oops"}"#, .unknown),
    ])
    func `for an error inside a 200 of the helpdesk, its status tells whether the call was applied`(body: String, fate: CallFate) {
        #expect(read(.helpdesk, HTTPReply(status: 200, body: Array(body.utf8))).fate == fate)
    }

    @Test(arguments: [
        (["retry-after": "30"], CallFate.notApplied), (["retry-after": "0"], .notApplied), (["x-ratelimit-reset": "30"], .unknown),
        (["x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"], .unknown),
    ])
    func `a 503 inside a 200 of the helpdesk was not applied if there is a Retry-After`(headers: [String: String], fate: CallFate) {
        let reply = HTTPReply(status: 200, headers: headers, body: Array(#"{"error":{"status":503}}"#.utf8))
        #expect(read(.helpdesk, reply).fate == fate)
    }

    @Test func `success=false of vg leaves it unknown whether the call was applied`() {
        let outcome = read(.vg, HTTPReply(status: 200, body: Array(#"{"success":false}"#.utf8)))
        #expect(outcome.outcome == .retry)
        #expect(outcome.fate == .unknown)
    }
}
