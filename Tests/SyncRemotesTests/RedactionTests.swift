import Foundation
import SyncCore
import SyncRemotes
import Testing

/// No secret and no personal value in any error text, whatever a remote repeats.
@Suite struct RedactionTests {
    private static let message = "Hello \"Bob\"!\nMy card ends in 4711 / 12, see C:\\temp — Grüße"
    private static let body: JSONValue = [
        "conversation_id": "conv_456",
        "message": ["author": "user", "body": .string(message), "timestamp": "2025-01-24T10:01:20.000Z"],
        "user": [
            "id": "user_123456", "name": "Jürgen Müller", "email": "Juergen.Mueller@Example.com",
            "attributes": ["plan": "Enterprise Gold", "status": "VIP since 2020"],
        ],
        "attachments": [["type": "url", "url": "https://example.com/private/contract.pdf"]],
    ]

    private func read(
        _ answer: String, status: Int = 422, body: JSONValue = body, token: String = "secret-token-1"
    ) -> DeliveryOutcome {
        let reader = ReplyReader(
            adapter: RemoteKind.fin.adapter(RemoteProfile(name: "fin", kind: .fin)), classifier: OutcomeClassifier())
        return reader.read(
            HTTPReply(status: status, body: Array(answer.utf8)), delta: nil, redaction: Redaction(credential: token, body: body),
            now: Instant(milliseconds: 0))
    }

    private func texts(_ outcome: DeliveryOutcome) -> String {
        ([outcome.error, outcome.responseExcerpt].compactMap(\.self) + outcome.partialErrors).joined(separator: "\n")
    }

    @Test(arguments: [
        "secret-token-1", "user_123456", "Jürgen Müller", "Juergen.Mueller@Example.com", "Enterprise Gold",
        "https://example.com/private/contract.pdf",
    ])
    func `what a server repeats from the call is taken out`(_ personal: String) {
        let outcome = read("{\"message\":\"cannot take \(personal) here\",\"echo\":[\"\(personal)\"]}")
        #expect(!texts(outcome).contains(personal))
        #expect(outcome.error == "HTTP 422: cannot take [redacted] here")
        #expect(outcome.responseExcerpt?.contains("cannot take [redacted] here") == true)
    }

    @Test func `the text of a message is taken out of the error`() {
        let answer = JSONValue.object(["message": .string("not allowed: \(Self.message)")])
        #expect(read(answer.text).error == "HTTP 422: not allowed: [redacted]")
    }

    @Test func `a message that the server repeats as JSON text is taken out of the excerpt`() {
        let answer = JSONValue.object(["echo": .object(["body": .string(Self.message)])])
        let excerpt = read(answer.text).responseExcerpt ?? ""
        #expect(!excerpt.contains("4711"))
    }

    @Test func `a name that the server repeats with escapes is taken out of the excerpt`() {
        let excerpt = read("{\"echo\":\"J\\u00fcrgen M\\u00fcller\"}").responseExcerpt ?? ""
        #expect(!excerpt.contains("rgen M"))
    }

    @Test func `a link that the server repeats with escaped slashes is taken out of the excerpt`() {
        let excerpt = read("{\"echo\":\"https:\\/\\/example.com\\/private\\/contract.pdf\"}").responseExcerpt ?? ""
        #expect(!excerpt.contains("contract.pdf"))
    }

    @Test func `a long message that the server repeats is taken out of the excerpt`() {
        let long = String(repeating: "my diagnosis is private. ", count: 200)
        let body: JSONValue = ["message": ["body": .string(long)]]
        let excerpt = read("{\"echo\":\"\(long)\"}", body: body).responseExcerpt ?? ""
        #expect(!excerpt.contains("diagnosis"))
    }

    @Test func `an address that the server repeats in lower case is taken out`() {
        let outcome = read("{\"message\":\"juergen.mueller@example.com is taken\"}")
        #expect(!texts(outcome).contains("juergen.mueller"))
    }

    @Test(arguments: ["王芳", "Li"])
    func `a name of two characters is taken out`(_ name: String) {
        let outcome = read("{\"message\":\"\(name): unknown\"}", body: ["user": ["name": .string(name)]])
        #expect(!texts(outcome).contains(name))
    }

    @Test func `a value that lies within another one leaves nothing of it behind`() {
        let body: JSONValue = ["user": ["name": "Jane", "email": "Jane.Doe@example.com"]]
        #expect(read("{\"message\":\"Jane.Doe@example.com\"}", body: body).error == "HTTP 422: [redacted]")
    }

    @Test func `technical words are kept, so that an error can be understood`() {
        let outcome = read("{\"message\":\"conversation conv_456 at 2025-01-24T10:01:20.000Z not open\"}")
        #expect(outcome.error == "HTTP 422: conversation conv_456 at 2025-01-24T10:01:20.000Z not open")
    }

    @Test func `an answer to a call of unknown content is quoted without the credential`() {
        #expect(!texts(read("{\"message\":\"Bearer secret-token-1\"}", body: .null)).contains("secret-token-1"))
    }

    @Test func `an empty credential takes nothing out`() {
        #expect(Redaction(credential: "", body: .null).apply(to: "HTTP 500") == "HTTP 500")
    }

    @Test func `texts are bounded and on one line`() {
        let long = String(repeating: "word\n", count: 2000)
        let outcome = read(JSONValue.object(["message": .string(long), "errors": .array([["message": .string(long)]])]).text)
        #expect(outcome.error?.count == 400)
        #expect(outcome.responseExcerpt?.count == 500)
        #expect(outcome.error?.contains("\n") == false)
        #expect(outcome.error?.hasSuffix("…") == true)
    }

    @Test func `partial errors are bounded`() {
        let answer: JSONValue = ["errors": ["user": ["attributes": ["plan": .string(String(repeating: "x", count: 1000))]]]]
        let outcome = read(answer.text, status: 200)
        #expect(outcome.outcome == .delivered)
        #expect(outcome.partialErrors.map(\.count) == [400])
    }

    @Test func `an acknowledged call leaves no text of the answer behind`() {
        let outcome = read("{\"conversation_id\":\"conv_456\",\"status\":\"thinking\",\"user_id\":\"user_123456\"}", status: 200)
        #expect(outcome.error == nil)
        #expect(outcome.responseExcerpt == nil)
    }
}
