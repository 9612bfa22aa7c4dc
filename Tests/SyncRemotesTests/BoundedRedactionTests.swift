import Fixtures
import SyncCore
import Testing

@testable import SyncRemotes

/// Redaction is done on the event loop: its work does not grow with the size of a call or of a response.
@Suite struct BoundedRedactionTests {
    private static let file = String(repeating: "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo5", count: 5_000_000 / 36)
    private static let token = "secret-token-1"

    private func read(_ answer: JSONValue, status: Int, body: JSONValue) -> DeliveryOutcome {
        let reader = ReplyReader(adapter: Kind.fin.adapter(Profile(name: "fin", kind: .fin)), classifier: OutcomeClassifier())
        return reader.read(
            HTTPReply(status: status, body: Array(answer.text.utf8)), delta: nil, redaction: Redaction(credential: Self.token, body: body),
            now: Instant(milliseconds: 0))
    }

    private func call(data: String) -> JSONValue {
        [
            "conversation_id": "c1", "message": ["body": "Where is my parcel?"], "user": ["id": "user_123456", "name": "Jane Doe"],
            "attachments": [["type": "file", "name": "contract-of-jane.pdf", "content_type": "application/pdf", "data": .string(data)]],
        ]
    }

    /// It took 20 seconds, and far longer without optimization.
    @Test func `a call with a file of 5 MB that fails costs no more than any other`() {
        var outcome = DeliveryOutcome(.delivered)
        let time = ContinuousClock().measure {
            outcome = read(["message": "contract-of-jane.pdf: Jane Doe cannot send"], status: 503, body: call(data: Self.file))
        }
        #expect(time < .seconds(5))
        #expect(outcome.error == "HTTP 503: [redacted]: [redacted] cannot send")
    }

    @Test func `a long message costs no more than its beginning`() {
        let long = String(repeating: "my diagnosis is private. ", count: 20_000)
        let time = ContinuousClock().measure {
            let outcome = read(["message": .string(long)], status: 503, body: ["message": ["body": .string(long)]])
            #expect(outcome.error == "HTTP 503: [redacted]…")
        }
        #expect(time < .seconds(5))
    }

    @Test(arguments: [40, 2000])
    func `the content of a file that a remote repeats is redacted`(bytes: Int) {
        let data = String(Self.file.prefix(bytes))
        let outcome = read(["message": .string("bad file: \(data)"), "echo": ["data": .string(data)]], status: 400, body: call(data: data))
        #expect(outcome.error?.hasPrefix("HTTP 400: bad file:") == true)
        #expect(outcome.error?.contains("QUJDREVG") == false && outcome.responseExcerpt?.contains("QUJDREVG") == false)
    }

    @Test func `of an error object of 170,000 members the first 20 are read`() throws {
        let members = (0..<170_000).map { ("member_\($0)", JSONValue.string("a text of it")) }
        let answer = JSONValue.object(JSONObject(members: members))
        let redaction = Redaction(credential: Self.token, body: call(data: "QQ=="))
        let shown = try #require(redaction.excerpt(of: answer).objectValue)
        #expect(shown.keys.sorted() == Array(members.map { $0.0 }.sorted().prefix(20)))
        let outcome = read(answer, status: 500, body: call(data: "QQ=="))
        #expect(outcome.outcome == .retry && outcome.responseExcerpt?.count == 500)
    }

    @Test func `an excerpt ends after about a thousand characters, however a response is nested`() {
        var answer: JSONValue = .string(String(repeating: "word ", count: 100))
        for _ in 0..<8 { answer = .array(Array(repeating: answer, count: 20)) }
        let redaction = Redaction(credential: Self.token, body: .null)
        #expect(redaction.excerpt(of: answer).text.utf8.count < 4000)
    }

    @Test func `the first members of an object are those of the order by name`() {
        var random = SeededGenerator(seed: 5)
        let names = (0..<200).map { "\($0 % 7)-\($0)" }.shuffled(using: &random)
        let object = JSONObject(members: names.map { ($0, JSONValue.string($0)) })
        for limit in [0, 1, 20, 199, 200, 300] {
            #expect(object.firstMembers(limit).map { $0.key } == Array(object.sorted.map { $0.key }.prefix(limit)))
        }
    }

    @Test func `the partial errors of a response are limited`() {
        let attributes = JSONObject(members: (0..<10_000).map { ("attribute_\($0)", JSONValue.string("unknown")) })
        let refused: JSONValue = ["attributes": .object(attributes)]
        let answer: JSONValue = ["status": "thinking", "errors": ["user": refused, "conversation": refused]]
        let outcome = read(answer, status: 200, body: .null)
        #expect(outcome.outcome == .delivered && outcome.partialErrors.count == 20)
    }

    @Test func `of the members that a refusal names fifty are examined`() {
        var many = JSONObject(members: (0..<1000).map { ("a\($0)", JSONValue.string("wrong")) })
        many["title"] = "wrong"
        let sent: Fields = ["title": "x"]
        #expect(RefusedMembers(in: ["errors": .object(many)], status: 422, of: sent)?.members == [])
        #expect(RefusedMembers(in: ["errors": ["title": "wrong"]], status: 422, of: sent)?.members == ["title"])
    }

    // MARK: A secret that the cut divides

    private func beginning(_ text: String, body: JSONValue = .null, token: String = "secret-token-1") -> String {
        Redaction(credential: token, body: body).apply(toBeginningOf: text)
    }

    @Test(arguments: ["secret-token-1", "c2VjcmV0LXRva2VuLTE=", "%73%65%63%72%65%74%2D%74%6F%6B%65%6E%2D%31"])
    func `no part of a credential is left where a text is cut`(credential: String) {
        for length in 1970...2000 {
            let shown = beginning(String(repeating: "x", count: length - 1) + " " + credential + " " + String(repeating: "y ", count: 100))
            #expect(shown.unicodeScalars.allSatisfy { "xy… [redacted]".unicodeScalars.contains($0) }, "\(length): \(shown.suffix(40))")
        }
    }

    @Test func `a long text without spaces is not left in parts where it is cut`() {
        let text = String(repeating: "私の診断は秘密です", count: 300)
        #expect(!beginning("invalid: \(text)", body: ["body": .string(text)]).contains("診断"))
        let spaced = String((text + "　" + text).dropFirst(1500))
        #expect(!beginning("invalid: \(spaced)", body: ["body": .string(spaced)]).contains("診断"))
    }
}
