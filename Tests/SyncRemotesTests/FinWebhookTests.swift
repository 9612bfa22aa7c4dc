import Crypto
import Fixtures
import Foundation
import SyncCore
import Testing

@testable import SyncRemotes

@Suite struct FinWebhookTests {
    private func read(_ body: String) throws(WebhookRejection) -> WebhookReading {
        try Signed.reader(.fin).read(Array(body.utf8), proof: "sha256=" + Signed.hexadecimal(body))
    }

    private static let status = #"""
        {"event_name":"fin_status_updated","conversation_id":"c1","user_id":"u1","status":"escalated","reason":"Routed to team",
        "created_at_ms":"2025-01-24T10:00:00.123Z"}
        """#
    private static let replied = #"""
        {"event_name":"fin_replied","conversation_id":"c1","message":{"id":"m1","author":"fin","body":"<p>Hi</p>",
        "timestamp_ms":"2025-01-24T10:00:00.120Z"},"status":"awaiting_user_reply","created_at_ms":1737712800123}
        """#
    private static let moment = Instant(milliseconds: 1_737_712_800_123)

    @Test func `an id of more than 512 bytes is refused, and a status value of more than 40 is not quoted`() throws {
        func event(id: Int, word: Int) -> String {
            let (id, word) = (String(repeating: "x", count: id), String(repeating: "y", count: word))
            return #"{"event_name":"fin_status_updated","conversation_id":"\#(id)","status":"\#(word)","created_at_ms":1737712800123}"#
        }
        func word(_ length: Int) throws -> String? {
            guard case .notices(let notices) = try read(event(id: 512, word: length)), case .status(_, let word, _, _)? = notices.first
            else { return nil }
            return word
        }
        #expect(try word(40) == String(repeating: "y", count: 40))
        #expect(try word(41) == "(a text of 41 characters)")
        #expect(throws: WebhookRejection.self) { try read(event(id: 513, word: 1)) }
    }

    @Test(arguments: [
        ("jane@example.com", "(a text of 16 characters)"), ("She wrote that the invoice is wrong, again", "(a text of 42 characters)"),
        ("a\u{2028}b", "(a text of 3 characters)"), ("a\u{85}b", "(a text of 3 characters)"), ("On Hold", "On Hold"),
    ])
    func `what may be personal is not quoted, neither as a status value nor as the name of an event`(text: String, shown: String) throws {
        let status = try read(Self.status.replacing("escalated", with: text))
        guard case .notices(let notices) = status, case .status(_, let word, _, let key)? = notices.first else {
            return #expect(Bool(false), "\(status)")
        }
        #expect(word == shown && key == "status:1737712800123:\(shown):c1")
        #expect(try read(#"{"event_name":"\#(text)"}"#) == .ignored(event: shown))
    }

    @Test func `a status event is a notice with a key of conversation, status value and time`() throws {
        #expect(
            try read(Self.status)
                == .notices([
                    .status(conversationID: "c1", word: "escalated", at: Self.moment, key: "status:1737712800123:escalated:c1")
                ]))
    }

    @Test func `a reply event is a message notice, followed by its status`() throws {
        #expect(
            try read(Self.replied)
                == .notices([
                    .message(
                        conversationID: "c1", id: "m1", body: "<p>Hi</p>", at: Instant(milliseconds: 1_737_712_800_120),
                        key: Self.key(of: Self.replied)),
                    .status(
                        conversationID: "c1", word: "awaiting_user_reply", at: Self.moment,
                        key: "status:1737712800123:awaiting_user_reply:c1"),
                ]))
    }

    private static func key(of body: String) -> String {
        guard case .notices(let notices)? = try? FinWebhookTests().read(body), case .message(_, _, _, _, let key)? = notices.first else {
            return "none"
        }
        return key
    }

    @Test func `the key of a message consists of its conversation, its id and its text`() {
        let keys = [
            Self.replied, Self.replied.replacing(#""conversation_id":"c1""#, with: #""conversation_id":"c2""#),
            Self.replied.replacing(#""id":"m1""#, with: #""id":"m2""#), Self.replied.replacing("Hi", with: "Ho"),
        ].map(Self.key)
        #expect(Set(keys).count == 4 && !keys.contains("none"))
        #expect(keys.allSatisfy { !$0.contains("Hi") }, "nothing of the text is in a key")
        // The time of arrival and the time of writing do not make it another message.
        #expect(Self.key(of: Self.replied.replacing("1737712800123", with: "1737712999999")) == keys[0])
        #expect(Self.key(of: Self.replied.replacing(".120Z", with: ".121Z")) == keys[0])
    }

    @Test(arguments: [
        #""message":null"#, #""message":"m""#, #""message":[1]"#, #""message":{}"#, #""message":{"body":null}"#, #""message":{"body":1}"#,
        #""message":{"body":["text"]}"#, #""message":{"body":{"a":"text"}}"#, #""message":{"author":"fin","body":true}"#,
        #""message":{"body":1,"id":{}}"#, #""no_message":1"#,
    ])
    func `a reply without a usable text still delivers its status`(member: String) throws {
        let head = #"{"event_name":"fin_replied","conversation_id":"c1",\#(member)"#
        let reading = try read(head + #","status":"escalated","created_at_ms":1737712800123}"#)
        guard case .partial(let notices, "c1", let problem) = reading else { return #expect(Bool(false), "\(reading)") }
        #expect(notices == [.finStatus(conversationID: "c1", word: "escalated", at: Self.moment)])
        #expect(!problem.reason.contains("text\""), "nothing of the body is repeated")
        guard case .partial(let none, "c1", _) = try read(head + "}") else { return #expect(Bool(false)) }
        #expect(none.isEmpty)
    }

    @Test func `a message without an id has the same key each time, and another one for another body, time or conversation`() throws {
        func key(_ change: (String, String)? = nil) throws -> String {
            var body = Self.replied.replacing(#""id":"m1","#, with: "")
            if let change { body = body.replacing(change.0, with: change.1) }
            guard case .notices(let notices) = try read(body), case .message(_, let id, _, _, let key) = notices[0] else { return "" }
            #expect(key.hasPrefix("message:\(id):") && id.hasPrefix("fin-17377128001"))
            return key
        }
        let keys = try [
            key(), key(("Hi", "Ho")), key((".120Z", ".121Z")), key((#""conversation_id":"c1""#, #""conversation_id":"c2""#)),
        ]
        #expect(Set(keys).count == 4)
        #expect(try key() == keys[0])
        #expect(try key(("1737712800123", "1737712999999")) == keys[0], "the event's own time may differ with the way it comes")
    }

    @Test(arguments: [
        #""""#, "{}", "[1]", "true", "1.5", #""a\u0000b""#, "\"" + String(repeating: "x", count: 513) + "\"",
    ])
    func `a message whose id cannot be used is taken as one without an id`(id: String) throws {
        let without = try read(Self.replied.replacing(#""id":"m1","#, with: ""))
        #expect(try read(Self.replied.replacing(#""m1""#, with: id)) == without)
        guard case .notices(let notices) = without else { return #expect(Bool(false), "\(without)") }
        #expect(notices.count == 2)
    }

    @Test func `an id of a message may have 512 bytes`() throws {
        let longest = String(repeating: "x", count: 512)
        guard case .notices(let notices) = try read(Self.replied.replacing("m1", with: longest)) else { return #expect(Bool(false)) }
        guard case .message(_, let id, _, _, _)? = notices.first else { return #expect(Bool(false)) }
        #expect(id == longest)
    }

    @Test(arguments: [
        (#""timestamp_ms":{},"timestamp":"2025-01-24T10:00:00.120Z""#, 1_737_712_800_120),
        (#""timestamp_ms":"soon","timestamp":1737712800120"#, 1_737_712_800_120),
        (#""timestamp_ms":1737712800,"timestamp":null"#, 1_737_712_800_123), (#""timestamp":"""#, 1_737_712_800_123),
        (#""timestamp_ms":1737712800120,"timestamp":"later""#, 1_737_712_800_120),
    ])
    func `a message has the first of its timestamps that can be read, or that of the event`(members: String, at: Int) throws {
        let body = Self.replied.replacing(#""timestamp_ms":"2025-01-24T10:00:00.120Z""#, with: members)
        guard case .notices(let notices) = try read(body) else { return #expect(Bool(false)) }
        guard case .message(_, let id, _, let time, _)? = notices.first else { return #expect(Bool(false)) }
        #expect(id == "m1" && time == Instant(milliseconds: Int64(at)))
    }

    @Test(arguments: [
        #""created_at_ms":"soon""#, #""created_at_ms":null"#, #""created_at_ms":1737712800"#, #""created_at_ms":{}"#, #""other":1"#,
    ])
    func `a status whose timestamp cannot be read has that of the message beside it, and the message is kept`(member: String) throws {
        let moment = Instant(milliseconds: 1_737_712_800_120)
        let body = Self.replied.replacing(#""created_at_ms":1737712800123"#, with: member)
        #expect(
            try read(body)
                == .notices([
                    .finMessage(conversationID: "c1", id: "m1", body: "<p>Hi</p>", at: moment),
                    .finStatus(conversationID: "c1", word: "awaiting_user_reply", at: moment),
                ]))
        // Also beside a message that cannot be used.
        guard case .partial(let notices, "c1", _) = try read(body.replacing(#""<p>Hi</p>""#, with: "7")) else {
            return #expect(Bool(false))
        }
        #expect(notices == [.finStatus(conversationID: "c1", word: "awaiting_user_reply", at: moment)])
    }

    @Test func `a message by a user or an agent is not taken for one by Fin`() throws {
        let reading = try read(Self.replied.replacing(#""author":"fin""#, with: #""author":"agent""#))
        guard case .notices(let notices) = reading else { return #expect(Bool(false)) }
        #expect(notices.count == 1)
        if case .message = notices[0] { #expect(Bool(false)) }
    }

    @Test func `other events are acknowledged and ignored`() throws {
        #expect(try read(#"{"event_name":"csat_requested","conversation_id":5}"#) == .ignored(event: "csat_requested"))
    }

    @Test(arguments: [
        ("", "not JSON"), ("[1,2", "not JSON"), ("[]", "event_name"), ("null", "event_name"), (#"{"event_name":7}"#, "event_name"),
        (#"{"event_name":"fin_status_updated"}"#, "conversation_id"),
        (#"{"event_name":"fin_status_updated","conversation_id":{"a":1},"status":"x","created_at_ms":1}"#, "conversation_id"),
        (#"{"event_name":"fin_status_updated","conversation_id":"a\u0000b","status":"x","created_at_ms":1}"#, "conversation_id"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":null,"created_at_ms":1737712800123}"#, "status"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x"}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":1737712800}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":1737712800123.5}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":"yesterday"}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":9223372036854775807}"#, "created_at_ms"),
        (#"{"event_name":"fin_replied","message":{"body":"b"},"created_at_ms":1737712800123}"#, "conversation_id"),
        (#"{"event_name":"fin_replied","conversation_id":"c","message":null,"status":7}"#, "created_at_ms"),
        (#"{"event_name":"fin_replied","conversation_id":"c","message":null,"status":"escalated"}"#, "created_at_ms"),
    ])
    func `an invalid event is refused with the name of the wrong member`(body: String, named: String) throws {
        let rejection = try #require(throws: WebhookRejection.self) { try read(body) }
        guard case .unreadable(let refusal) = rejection else { return #expect(Bool(false), "\(rejection)") }
        #expect(refusal.reason.contains(named), "\(refusal.reason)")
        #expect(!refusal.reason.contains("yesterday"), "nothing of the body is repeated")
    }

    @Test func `a damaged body is read or refused, and never crashes the reader`() {
        var random = SeededGenerator(seed: 311)
        for round in 0..<4000 {
            var bytes = Array((Bool.random(using: &random) ? Self.status : Self.replied).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                }
            }
            do throws(WebhookRejection) {
                _ = try FinWebhookTests.fin(bytes)
            } catch {
                if case .unreadable = error { continue }
                #expect(Bool(false), "seed 311, round \(round): \(error)")
            }
        }
    }

    private static func fin(_ bytes: [UInt8]) throws(WebhookRejection) -> WebhookReading {
        let code = HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: Array(Signed.secret.utf8)))
        return try Signed.reader(.fin).read(bytes, proof: code.map { String(format: "%02x", $0) }.joined())
    }

    @Test func `endless nesting is refused`() throws {
        let body = String(repeating: "[", count: 200_000)
        let rejection = try #require(throws: WebhookRejection.self) { try read(body) }
        #expect(rejection == .unreadable(Unreadable("the body is not JSON")))
    }
}
