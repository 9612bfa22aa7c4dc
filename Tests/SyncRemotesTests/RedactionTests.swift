import Foundation
import SyncCore
import SyncRemotes
import Testing

/// No error text contains a secret or a personal value, whatever a remote repeats.
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
            adapter: Kind.fin.adapter(Profile(name: "fin", kind: .fin)), classifier: OutcomeClassifier())
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
    func `values of the call that a server repeats are redacted`(_ personal: String) {
        let outcome = read("{\"message\":\"cannot take \(personal) here\",\"echo\":[\"\(personal)\"]}")
        #expect(!texts(outcome).contains(personal))
        #expect(outcome.error == "HTTP 422: cannot take [redacted] here")
        #expect(outcome.responseExcerpt?.contains("cannot take [redacted] here") == true)
    }

    @Test func `the text of a message is redacted in the error`() {
        let answer = JSONValue.object(["message": .string("not allowed: \(Self.message)")])
        #expect(read(answer.text).error == "HTTP 422: not allowed: [redacted]")
    }

    @Test func `a message that the server repeats as JSON text is redacted in the excerpt`() {
        let answer = JSONValue.object(["echo": .object(["body": .string(Self.message)])])
        let excerpt = read(answer.text).responseExcerpt ?? ""
        #expect(!excerpt.contains("4711"))
    }

    @Test func `a name that the server repeats with escapes is redacted in the excerpt`() {
        let excerpt = read("{\"echo\":\"J\\u00fcrgen M\\u00fcller\"}").responseExcerpt ?? ""
        #expect(!excerpt.contains("rgen M"))
    }

    @Test func `a link that the server repeats with escaped slashes is redacted in the excerpt`() {
        let excerpt = read("{\"echo\":\"https:\\/\\/example.com\\/private\\/contract.pdf\"}").responseExcerpt ?? ""
        #expect(!excerpt.contains("contract.pdf"))
    }

    @Test func `a long message that the server repeats is redacted in the excerpt`() {
        let long = String(repeating: "my diagnosis is private. ", count: 200)
        let body: JSONValue = ["message": ["body": .string(long)]]
        let excerpt = read("{\"echo\":\"\(long)\"}", body: body).responseExcerpt ?? ""
        #expect(!excerpt.contains("diagnosis"))
    }

    @Test func `an address that the server repeats in lower case is redacted`() {
        let outcome = read("{\"message\":\"juergen.mueller@example.com is taken\"}")
        #expect(!texts(outcome).contains("juergen.mueller"))
    }

    @Test(arguments: ["王芳", "Li"])
    func `a name of two characters is redacted`(_ name: String) {
        let outcome = read("{\"message\":\"\(name): unknown\"}", body: ["user": ["name": .string(name)]])
        #expect(!texts(outcome).contains(name))
    }

    @Test func `a value that contains another one is redacted completely`() {
        let body: JSONValue = ["user": ["name": "Jane", "email": "Jane.Doe@example.com"]]
        #expect(read("{\"message\":\"Jane.Doe@example.com\"}", body: body).error == "HTTP 422: [redacted]")
    }

    @Test func `technical words are kept, so that an error can be understood`() {
        let outcome = read("{\"message\":\"conversation conv_456 at 2025-01-24T10:01:20.000Z not open\"}")
        #expect(outcome.error == "HTTP 422: conversation conv_456 at 2025-01-24T10:01:20.000Z not open")
    }

    @Test func `a response to a call with unknown content is quoted without the credential`() {
        #expect(!texts(read("{\"message\":\"Bearer secret-token-1\"}", body: .null)).contains("secret-token-1"))
    }

    @Test func `an empty credential redacts nothing`() {
        #expect(Redaction(credential: "", body: .null).apply(to: "HTTP 500") == "HTTP 500")
    }

    @Test func `error texts are bounded and on one line`() {
        let long = String(repeating: "word\n", count: 2000)
        let outcome = read(JSONValue.object(["message": .string(long), "errors": .array([["message": .string(long)]])]).text)
        #expect(outcome.error?.count == 400)
        #expect(outcome.responseExcerpt?.count == 500)
        #expect(outcome.error?.contains("\n") == false)
        #expect(outcome.error?.hasSuffix("…") == true)
    }

    /// To Swift, any number of combining marks are one character.
    @Test func `error texts are bounded whatever their characters consist of`() {
        let outcome = read(JSONValue.object(["message": .string("a" + String(repeating: "\u{301}", count: 100_000))]).text)
        #expect((outcome.error?.utf8.count ?? 0) < 1600)
        #expect((outcome.responseExcerpt?.utf8.count ?? 0) < 2000)
    }

    @Test(arguments: ["secret-token-1", "c2VjcmV0LXRva2VuLTE=", "%73%65%63%72%65%74%2D%74%6F%6B%65%6E%2D%31"])
    func `a combining mark does not hide the credential`(credential: String) {
        for (before, after) in [("", "\u{301}"), ("\u{200D}", "\u{FE0F}"), ("", "\u{200D}"), ("e", "\u{300}x")] {
            let answer = JSONValue.object(["message": .string("token \(before)\(credential)\(after)")])
            #expect(!texts(read(answer.text)).utf8.contains(part: credential.utf8), "\(before)…\(after)")
        }
    }

    @Test(arguments: ["secret-token-1", "Juergen.Mueller@Example.com", "Jürgen Müller", "somebody@example.com"])
    func `a value that a server uses as the name of a member is redacted`(personal: String) {
        let answer: JSONValue = ["message": "invalid", "by_address": [personal: ["taken"]], "list": [["x": [personal: 1]]]]
        let outcome = read(answer.text)
        #expect(!texts(outcome).contains(personal))
        #expect(outcome.responseExcerpt?.contains(#""by_address":{"[redacted]":["taken"]}"#) == true)
    }

    @Test func `partial errors are bounded`() {
        let answer: JSONValue = ["errors": ["user": ["attributes": ["plan": .string(String(repeating: "x", count: 1000))]]]]
        let outcome = read(answer.text, status: 200)
        #expect(outcome.outcome == .delivered)
        #expect(outcome.partialErrors.map(\.count) == [400])
    }

    @Test func `an acknowledged call stores no text of the response`() {
        let outcome = read("{\"conversation_id\":\"conv_456\",\"status\":\"thinking\",\"user_id\":\"user_123456\"}", status: 200)
        #expect(outcome.error == nil)
        #expect(outcome.responseExcerpt == nil)
    }

    // MARK: Only whole secrets

    private func apply(_ text: String, token: String = "secret-token-1", body: JSONValue = .null) -> String {
        Redaction(credential: token, body: body).apply(to: text)
    }

    @Test(arguments: [
        ("open", "the conversation is not open, it was reopened", "the conversation is not open, it was reopened"),
        ("open", "Bearer open is not accepted", "Bearer [redacted] is not accepted"),
        ("sesam", "sesame is not sesam", "sesame is not [redacted]"),
        ("sesam", "Bearer sesam", "Bearer [redacted]"),
        ("longer-token", "xlonger-tokenx", "x[redacted]x"),
    ])
    func `a short credential is redacted only where it stands alone`(token: String, text: String, shown: String) {
        #expect(apply(text, token: token) == shown)
    }

    @Test(arguments: [
        "the invoice is late", "cannot generate the rating", "the order of these tags is wrong", "field appointment is required",
        "HTTP 422: conversation not open", "the customer number is missing",
    ])
    func `ordinary words of a title, a tag or a message stay in an error`(text: String) {
        let body: JSONValue = [
            "title": "Late invoice for order 12", "tags": ["rate", "open", "order", "is"],
            "message": ["body": "Where is my appointment? The customer service has the number of my order."],
        ]
        let shown = apply(text, body: body)
        // A tag that stands alone is the value itself.
        #expect(shown == text.replacing(" order ", with: " [redacted] "), "\(shown)")
    }

    @Test(arguments: [
        ("title too long: Late Invoice, order 12 of Monday", "title too long: [redacted] of Monday"),
        ("title too long: \"late invoice for ord", "title too long: \"[redacted]"),
        ("you wrote: <b>where is my appointment?</b> THE CUSTOMER SERVICE", "you wrote: <b>[redacted]?</b> [redacted]"),
    ])
    func `several words in a row are redacted, even if truncated or in other letter case`(text: String, shown: String) {
        let body: JSONValue = [
            "title": "Late invoice: order 12", "subject": "Late invoice for order",
            "message": ["body": "Where is my appointment? The customer service has the number."],
        ]
        #expect(apply(text, body: body) == shown)
    }

    @Test(arguments: [
        "c2VjcmV0LXRva2VuLTE=", "c2VjcmV0LXRva2VuLTE", "dXNlcjpzZWNyZXQtdG9rZW4tMQ==", "YTpzZWNyZXQtdG9rZW4tMTpi",
        "YWI6c2VjcmV0LXRva2VuLTE6Yg",
    ])
    func `the credential in base64 is redacted with the values that are encoded with it`(encoded: String) {
        #expect(apply("Authorization: Basic \(encoded), refused") == "Authorization: Basic [redacted], refused")
    }

    @Test func `both alphabets of base64 are redacted, and encoded names are`() {
        #expect(apply("x >>>???>>> y", token: ">>>???>>>") == "x [redacted] y")
        for text in ["Pj4+Pz8/Pj4+", "Pj4-Pz8_Pj4-"] { #expect(apply("see \(text)!", token: ">>>???>>>") == "see [redacted]!") }
        let encoded = Data("Jürgen Müller".utf8).base64EncodedString()
        #expect(apply("name: \(encoded)", body: Self.body) == "name: [redacted]")
    }

    @Test(arguments: ["a%2Fb%2Bc%3Dd%3F1", "a%2fb%2bc%3dd%3f1"])
    func `a credential that is escaped in a URL is redacted`(encoded: String) {
        #expect(apply("GET /x?token=\(encoded)&page=2", token: "a/b+c=d?1") == "GET /x?token=[redacted]&page=2")
    }

    @Test(arguments: ["J%C3%BCrgen%20M%C3%BCller", "J%C3%BCrgen+M%C3%BCller", "J%c3%bcrgen%20M%c3%bcller"])
    func `a name that is escaped in a URL is redacted`(encoded: String) {
        #expect(apply("GET /people?name=\(encoded)", body: Self.body) == "GET /people?name=[redacted]")
    }

    @Test func `a part of a name is redacted, and a part of a title is not`() {
        #expect(apply("Müller is unknown", body: Self.body) == "[redacted] is unknown")
        #expect(apply("Gold is unknown", body: Self.body) == "Gold is unknown")
    }
}

extension String.UTF8View {
    fileprivate func contains(part: String.UTF8View) -> Bool { firstRange(of: part) != nil }
}
