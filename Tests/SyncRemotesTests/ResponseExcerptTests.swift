import SyncCore
import SyncRemotes
import Testing

/// Of a 2xx that is no acknowledgement nothing is kept that could be about people: the call may have been accepted, and the
/// response is then a conversation.
@Suite struct ResponseExcerptTests {
    private static let stream = "https://realtime.example.com/event-stream?accessToken=eyJhbGciOi.J9-x_y"

    private func read(
        _ kind: Kind, _ answer: String, status: Int = 200, bodyFailure: TransportFailure? = nil
    ) -> DeliveryOutcome {
        let reader = ReplyReader(
            adapter: kind.adapter(Profile(name: kind.name, kind: kind, agentID: "a")), classifier: OutcomeClassifier())
        return reader.read(
            HTTPReply(status: status, body: Array(answer.utf8), bodyFailure: bodyFailure),
            delta: kind.receivesMessages ? nil : Delta(fields: ["status": "done"]), redaction: Redaction(credential: "token", body: .null),
            now: Instant(milliseconds: 0))
    }

    @Test(arguments: Kinds.all)
    func `a 2xx that cannot be used is described by its kind and size`(kind: Kind) {
        for (body, shown) in [
            ("", "(an empty body)"), ("She said: too late", "(not JSON, 18 bytes)"), ("[\"She said\"]", "(a JSON array, 12 bytes)"),
            ("\"She said\"", "(a JSON string, 10 bytes)"), ("{\"title\":\"She sa", "(not JSON, 16 bytes)"),
        ] {
            #expect(read(kind, body).responseExcerpt == shown, "\(body)")
        }
        let part = "{\"sse_subscription_url\":\"\(Self.stream)\",\"user_id\":\"She"
        let broken = read(kind, part, bodyFailure: TransportFailure(.timeout, detail: "slow"))
        #expect(broken.outcome == .dead)
        #expect(broken.responseExcerpt == "(\(part.utf8.count) bytes of a response that cannot be read)")
    }

    @Test func `of an error inside a 2xx only what explains it is kept`() {
        let problem = #"{"title":"Locked","detail":"The workflow is locked.","status":422,"instance":"/c/Marta","data":{"name":"Marta"}}"#
        let helpdesk = read(.helpdesk, #"{"error":\#(problem),"data":{"title":"Marta moved"},"note":"Marta"}"#)
        #expect(helpdesk.outcome == .dead)
        #expect(helpdesk.responseExcerpt == #"{"error":{"detail":"The workflow is locked.","status":422,"title":"Locked"}}"#)
        let lists = #""issues":[{"code":"x","data":"Marta"},["Marta"]],"errors":{"a":"b","data":"Marta"}"#
        let vg = read(.vg, #"{"success":false,"message":"no",\#(lists),"data":"Marta"}"#)
        #expect(vg.responseExcerpt == #"{"errors":{"a":"b"},"issues":[{"code":"x"}],"message":"no","success":false}"#)
    }

    @Test(arguments: [200, 400, 500])
    func `the access token of a stream is kept of no response`(status: Int) {
        let member = #""sse_subscription_url":"\#(Self.stream)","accessToken":"eyJhbGciOi.J9-x_y""#
        for body in [
            "{\(member)}", "[{\(member)}]", "{\(member)", #"{"errors":[{"message":"no \#(Self.stream)"}]}"#, "see \(Self.stream)",
            "accessToken%3DeyJhbGciOi.J9-x_y", #"{"message":"{\"accessToken\": \"eyJhbGciOi.J9-x_y\"}"}"#,
        ] {
            let outcome = read(.fin, body, status: status)
            let shown = [outcome.error, outcome.responseExcerpt].compactMap(\.self).joined(separator: " ")
            #expect(!shown.contains("eyJ") && !shown.contains("J9-x"), "\(shown)")
        }
    }

    @Test func `a text about an access token stays`() {
        #expect(read(.fin, #"{"message":"the accessToken is missing"}"#, status: 400).error == "HTTP 400: the accessToken is missing")
    }
}
