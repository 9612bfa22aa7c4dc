import Crypto
import Foundation
import SeededRandom
import SyncCore
import Testing

@testable import SyncRemotes

/// Bodies, signed as their senders sign them.
enum Signed {
    static let secret = "s3cret-of-the-hook"

    static func hexadecimal(_ body: String, key: [UInt8] = Array(secret.utf8)) -> String {
        code(body, key: key).map { String(format: "%02x", $0) }.joined()
    }

    static func base64(_ body: String) -> String { Data(code(body, key: Array(secret.utf8))).base64EncodedString() }

    private static func code(_ body: String, key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(body.utf8), using: SymmetricKey(data: key)))
    }

    static func reader(_ kind: RemoteKind, header: String? = nil, idPath: String? = nil) -> WebhookReader {
        WebhookReader(kind: kind, secret: WebhookSecret(secret), signatureHeader: header, idPath: idPath)
    }
}

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

    @Test func `a status is a notice with a key of conversation, word and time`() throws {
        #expect(
            try read(Self.status)
                == .notices([
                    .status(conversationID: "c1", word: "escalated", at: Self.moment, key: "status:1737712800123:escalated:c1")
                ]))
    }

    @Test func `a reply is a message and the status after it`() throws {
        #expect(
            try read(Self.replied)
                == .notices([
                    .message(
                        conversationID: "c1", id: "m1", body: "<p>Hi</p>", at: Instant(milliseconds: 1_737_712_800_120), key: "message:m1"),
                    .status(
                        conversationID: "c1", word: "awaiting_user_reply", at: Self.moment,
                        key: "status:1737712800123:awaiting_user_reply:c1"),
                ]))
    }

    @Test func `a message without id has the same key each time, and another one for another body, time or conversation`() throws {
        func key(_ change: (String, String)? = nil) throws -> String {
            var body = Self.replied.replacing(#""id":"m1","#, with: "")
            if let change { body = body.replacing(change.0, with: change.1) }
            guard case .notices(let notices) = try read(body), case .message(_, let id, _, _, let key) = notices[0] else { return "" }
            #expect(key == "message:\(id)" && id.hasPrefix("fin-17377128001"))
            return key
        }
        let keys = try [
            key(), key(("Hi", "Ho")), key((".120Z", ".121Z")), key((#""conversation_id":"c1""#, #""conversation_id":"c2""#)),
        ]
        #expect(Set(keys).count == 4)
        #expect(try key() == keys[0])
        #expect(try key(("1737712800123", "1737712999999")) == keys[0], "the event's own time may differ with the way it comes")
    }

    @Test func `what a user or an agent wrote is no message of Fin`() throws {
        let reading = try read(Self.replied.replacing(#""author":"fin""#, with: #""author":"agent""#))
        guard case .notices(let notices) = reading else { return #expect(Bool(false)) }
        #expect(notices.count == 1)
        if case .message = notices[0] { #expect(Bool(false)) }
    }

    @Test func `other events are acknowledged and mean nothing`() throws {
        #expect(try read(#"{"event_name":"csat_requested","conversation_id":5}"#) == .ignored(event: "csat_requested"))
    }

    @Test(arguments: [
        ("", "no JSON"), ("[1,2", "no JSON"), ("[]", "event_name"), ("null", "event_name"), (#"{"event_name":7}"#, "event_name"),
        (#"{"event_name":"fin_status_updated"}"#, "conversation_id"),
        (#"{"event_name":"fin_status_updated","conversation_id":{"a":1},"status":"x","created_at_ms":1}"#, "conversation_id"),
        (#"{"event_name":"fin_status_updated","conversation_id":"a\u0000b","status":"x","created_at_ms":1}"#, "conversation_id"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":["x"],"created_at_ms":1737712800123}"#, "status"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x"}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":1737712800}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":1e300}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":"yesterday"}"#, "created_at_ms"),
        (#"{"event_name":"fin_status_updated","conversation_id":"c","status":"x","created_at_ms":9223372036854775807}"#, "created_at_ms"),
        (#"{"event_name":"fin_replied","conversation_id":"c","created_at_ms":1737712800123}"#, "message"),
        (#"{"event_name":"fin_replied","conversation_id":"c","message":"m","created_at_ms":1737712800123}"#, "message"),
        (#"{"event_name":"fin_replied","conversation_id":"c","message":{"body":1},"created_at_ms":1737712800123}"#, "body"),
        (#"{"event_name":"fin_replied","conversation_id":"c","message":{"body":"b","timestamp_ms":{}},"created_at_ms":1}"#, "timestamp_ms"),
    ])
    func `what is no such event is refused with the member that is wrong`(body: String, named: String) throws {
        let rejection = try #require(throws: WebhookRejection.self) { try read(body) }
        guard case .unreadable(let refusal) = rejection else { return #expect(Bool(false), "\(rejection)") }
        #expect(refusal.reason.contains(named), "\(refusal.reason)")
        #expect(!refusal.reason.contains("yesterday"), "nothing of the body is repeated")
    }

    @Test func `however a body is damaged, it is read or refused`() {
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

    @Test func `nesting without end is refused, not followed`() throws {
        let body = String(repeating: "[", count: 200_000)
        let rejection = try #require(throws: WebhookRejection.self) { try read(body) }
        #expect(rejection == .unreadable(Refusal("the body is no JSON")))
    }
}

@Suite struct SignatureTests {
    private static let body = #"{"event_name":"other"}"#

    @Test func `the signature is compared with the raw body`() throws {
        let reader = Signed.reader(.fin)
        #expect(reader.proofHeader == "X-Fin-Agent-API-Webhook-Signature")
        let right = "sha256=" + Signed.hexadecimal(Self.body)
        _ = try reader.read(Array(Self.body.utf8), proof: right)
        _ = try reader.read(Array(Self.body.utf8), proof: "sha256=" + Signed.hexadecimal(Self.body).uppercased())
        let spaced = Self.body.replacing(":", with: ": ")
        #expect(throws: WebhookRejection.wrongSignature) { try reader.read(Array(spaced.utf8), proof: right) }
    }

    @Test func `a secret in hexadecimal may mean its bytes`() throws {
        let hexadecimal = "00ff10AB"
        let reader = WebhookReader(kind: .fin, secret: WebhookSecret(hexadecimal))
        for key in [Array(hexadecimal.utf8), [0x00, 0xFF, 0x10, 0xAB]] {
            _ = try reader.read(Array(Self.body.utf8), proof: "sha256=" + Signed.hexadecimal(Self.body, key: key))
        }
    }

    @Test(arguments: [nil, ""]) func `a call without signature is not taken`(proof: String?) {
        for kind in [RemoteKind.fin, .voicebot, .helpdesk] {
            #expect(throws: WebhookRejection.unsigned) { try Signed.reader(kind).read(Array(Self.body.utf8), proof: proof) }
        }
    }

    @Test(arguments: ["sha256=", "sha256=00", "x", "sha1=" + Signed.hexadecimal("x"), Signed.hexadecimal("x"), Signed.secret, "ü"])
    func `a wrong signature is not taken`(proof: String) {
        for kind in [RemoteKind.fin, .voicebot] {
            #expect(throws: WebhookRejection.wrongSignature) { try Signed.reader(kind).read(Array(Self.body.utf8), proof: proof) }
        }
    }

    @Test func `one wrong bit anywhere makes a signature wrong`() {
        let right = Array(Signed.hexadecimal(Self.body).utf8)
        for index in right.indices {
            var wrong = right
            wrong[index] = right[index] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            #expect(throws: WebhookRejection.wrongSignature) {
                try Signed.reader(.fin).read(Array(Self.body.utf8), proof: "sha256=" + String(decoding: wrong, as: UTF8.self))
            }
        }
    }

    @Test func `a secret does not print itself`() {
        #expect(!"\(WebhookSecret(Signed.secret)) \(Signed.reader(.vg))".contains(Signed.secret))
    }
}

@Suite struct HintWebhookTests {
    private func vg(_ type: String, _ payload: String, secret: String = Signed.secret) throws(WebhookRejection) -> WebhookReading {
        let body = #"{"type":"\#(type)","payload":{\#(payload)"createdAt":1737712800123,"workspaceSecret":"\#(secret)"}}"#
        return try Signed.reader(.vg).read(Array(body.utf8), proof: nil)
    }

    @Test(arguments: [
        ("conversation_updated", #""ID":"c1","agentId":"a1","#, "c1", "a1"),
        ("conversation_updated", #""id":"c1","agent":{"ID":"a1"},"#, "c1", "a1"),
        ("message_received", #""convoId":"c1","agentID":"a1","ID":"message-7","#, "c1", "a1"),
        ("chat_delegated", #""conversation":{"ID":"c1","agentId":"a1"},"assignedToUserId":"x","#, "c1", "a1"),
        ("message_received", #""conversationId":17,"#, "17", nil),
    ])
    func `vg says which object changed`(type: String, payload: String, id: String, agent: String?) throws {
        #expect(try vg(type, payload) == .notices([.changed(remoteID: id, agentID: agent)]))
    }

    @Test func `vg without an id means the list`() throws {
        #expect(try vg("message_received", #""ID":"message-7","#) == .notices([.somethingChanged]))
        #expect(try vg("conversation_updated", "") == .notices([.somethingChanged]))
    }

    @Test func `vg events about other things mean nothing`() throws {
        for type in ["lead_captured", "webhook_test", "agent_created"] { #expect(try vg(type, "") == .ignored(event: type)) }
    }

    @Test func `the workspace secret is compared, and dropped before anything else`() throws {
        #expect(throws: WebhookRejection.wrongSignature) { try vg("conversation_updated", #""ID":"c1","#, secret: "wrong") }
        #expect(throws: WebhookRejection.unsigned) { try Signed.reader(.vg).read(Array(#"{"type":"x","payload":{}}"#.utf8), proof: nil) }
        #expect(throws: WebhookRejection.unsigned) {
            try Signed.reader(.vg).read(Array(#"{"type":"x","payload":{"workspaceSecret":["\#(Signed.secret)"]}}"#.utf8), proof: nil)
        }
        #expect(throws: WebhookRejection.unsigned) { try Signed.reader(.vg).read(Array("[]".utf8), proof: Signed.secret) }
        let body = try JSONValue(text: #"{"type":"x","payload":{"ID":"c1","workspaceSecret":"\#(Signed.secret)"}}"#)
        let event = try VGEvent.authenticated(body, by: WebhookSecret(Signed.secret))
        #expect(event.payload == ["ID": "c1"])
    }

    @Test(arguments: [
        ("", nil, nil), ("no JSON", "data.id", nil), (#"{"data":{"id":17}}"#, "data.id", "17"), (#"{"data":{"id":17}}"#, nil, nil),
        (#"{"data":{"id":"17"}}"#, "data.id", "17"), (#"{"data":[17]}"#, "data.id", nil), (#"{"data":{"id":{}}}"#, "data.id", nil),
    ])
    func `a call of voicebot means: look now, or look there`(body: String, path: String?, id: String?) throws {
        let expected = id.map { Notice.changed(remoteID: $0, agentID: nil) } ?? .somethingChanged
        let reader = Signed.reader(.voicebot, header: "X-Hub", idPath: path)
        #expect(reader.proofHeader == "X-Hub")
        let hexadecimal = Signed.hexadecimal(body)
        for proof in [hexadecimal, "sha256=" + hexadecimal, Signed.base64(body), "sha256=" + Signed.base64(body)] {
            #expect(try reader.read(Array(body.utf8), proof: proof) == .notices([expected]))
        }
    }

    @Test func `a helpdesk names its conversation`() throws {
        let reader = Signed.reader(.helpdesk)
        #expect(reader.proofHeader == "X-Webhook-Key")
        func read(_ body: String) throws -> WebhookReading { try reader.read(Array(body.utf8), proof: Signed.secret) }
        #expect(try read(#"{"conversation_id":"conv_456"}"#) == .notices([.changed(remoteID: "conv_456", agentID: nil)]))
        #expect(try read(#"{"conversation_id":"c","event_type":null}"#) == .notices([.changed(remoteID: "c", agentID: nil)]))
        #expect(try read(#"{"conversation_id":"c","event_type":"agent_typing","data":{}}"#) == .ignored(event: "agent_typing"))
        #expect(throws: WebhookRejection.unreadable(Refusal("\"conversation_id\" is missing"))) { try read("{}") }
        #expect(throws: WebhookRejection.wrongSignature) { try reader.read(Array("{}".utf8), proof: Signed.secret + "x") }
    }
}
