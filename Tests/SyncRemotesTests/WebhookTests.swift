import Crypto
import Foundation
import SyncCore
import Testing

@testable import SyncRemotes

/// Bodies, signed like those of the real senders.
enum Signed {
    static let secret = "s3cret-of-the-hook"

    static func hexadecimal(_ body: String, key: [UInt8] = Array(secret.utf8)) -> String {
        code(body, key: key).map { String(format: "%02x", $0) }.joined()
    }

    static func base64(_ body: String) -> String { Data(code(body, key: Array(secret.utf8))).base64EncodedString() }

    private static func code(_ body: String, key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(body.utf8), using: SymmetricKey(data: key)))
    }

    /// A webhook call of a kind of remote.
    static func read(_ kind: Kind, by reader: WebhookReader) throws(WebhookRejection) -> WebhookReading {
        let body =
            switch kind.name {
            case "fin": #"{"event_name":"other"}"#
            case "vg": #"{"type":"webhook_test","payload":{"workspaceSecret":"\#(secret)"}}"#
            case "voicebot": "{}"
            default: #"{"conversation_id":"h1"}"#
            }
        return try reader.read(Array(body.utf8), proof: kind == .helpdesk ? secret : hexadecimal(body))
    }

    static func reader(_ kind: Kind, header: String? = nil, idPath: String? = nil, secret: String = secret) -> WebhookReader {
        var own = OwnValues()
        own["webhook.signature_header"] = header.map(ConfigurationValue.text)
        own["webhook.id_path"] = idPath.map(ConfigurationValue.text)
        guard let scheme = kind.webhook else { preconditionFailure("every kind of the program calls") }
        return WebhookReader(scheme, own: own, secret: WebhookSecret(secret))
    }
}

@Suite struct SignatureTests {
    private static let body = #"{"event_name":"other"}"#

    @Test func `the signature is compared with that of the raw body`() throws {
        let reader = Signed.reader(.fin)
        #expect(reader.proofHeader == "X-Fin-Agent-API-Webhook-Signature")
        let right = "sha256=" + Signed.hexadecimal(Self.body)
        _ = try reader.read(Array(Self.body.utf8), proof: right)
        _ = try reader.read(Array(Self.body.utf8), proof: "sha256=" + Signed.hexadecimal(Self.body).uppercased())
        let spaced = Self.body.replacing(":", with: ": ")
        #expect(throws: WebhookRejection.wrongSignature) { try reader.read(Array(spaced.utf8), proof: right) }
    }

    @Test func `a secret in hexadecimal may stand for its bytes`() throws {
        let hexadecimal = "00ff10AB"
        let reader = Signed.reader(.fin, secret: hexadecimal)
        for key in [Array(hexadecimal.utf8), [0x00, 0xFF, 0x10, 0xAB]] {
            _ = try reader.read(Array(Self.body.utf8), proof: "sha256=" + Signed.hexadecimal(Self.body, key: key))
        }
    }

    @Test(arguments: [nil, ""]) func `a call without a signature is refused`(proof: String?) {
        for kind in [Kind.fin, .voicebot, .helpdesk] {
            #expect(throws: WebhookRejection.unsigned) { try Signed.reader(kind).read(Array(Self.body.utf8), proof: proof) }
        }
    }

    @Test(arguments: ["sha256=", "sha256=00", "x", "sha1=" + Signed.hexadecimal("x"), Signed.hexadecimal("x"), Signed.secret, "ü"])
    func `a call with a wrong signature is refused`(proof: String) {
        for kind in [Kind.fin, .voicebot] {
            #expect(throws: WebhookRejection.wrongSignature) { try Signed.reader(kind).read(Array(Self.body.utf8), proof: proof) }
        }
    }

    @Test func `a signature with one wrong bit is refused`() {
        let right = Array(Signed.hexadecimal(Self.body).utf8)
        for index in right.indices {
            var wrong = right
            wrong[index] = right[index] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            #expect(throws: WebhookRejection.wrongSignature) {
                try Signed.reader(.fin).read(Array(Self.body.utf8), proof: "sha256=" + String(decoding: wrong, as: UTF8.self))
            }
        }
    }

    @Test func `the description of a secret does not contain it`() {
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
    func `a vg event names the changed object`(type: String, payload: String, id: String, agent: String?) throws {
        #expect(try vg(type, payload) == .notices([.changed(remoteID: id, agentID: agent)]))
    }

    @Test func `a vg event with an id of the older form names either link`() throws {
        let both: [Notice] = [.changed(remoteID: "a1_c1", agentID: "a1"), .changed(remoteID: "c1", agentID: "a1")]
        #expect(try vg("conversation_updated", #""ID":"a1_c1","agentId":"a1","#) == .notices(both))
        #expect(
            try vg("conversation_updated", #""ID":"a2_c1","agentId":"a1","#) == .notices([.changed(remoteID: "a2_c1", agentID: "a1")]))
        // Without an agent in the event it is the configured one's.
        let reader = WebhookReader(try #require(Kind.vg.webhook), own: ["agent_id": .text("a1")], secret: WebhookSecret(Signed.secret))
        let body = #"{"type":"conversation_updated","payload":{"ID":"a1_c1","workspaceSecret":"\#(Signed.secret)"}}"#
        #expect(
            try reader.read(Array(body.utf8), proof: nil)
                == .notices([.changed(remoteID: "a1_c1", agentID: nil), .changed(remoteID: "c1", agentID: nil)]))
    }

    @Test func `a vg event without an id requests the list`() throws {
        #expect(try vg("message_received", #""ID":"message-7","#) == .notices([.somethingChanged]))
        #expect(try vg("conversation_updated", "") == .notices([.somethingChanged]))
    }

    @Test func `vg events about other things are ignored`() throws {
        for type in ["lead_captured", "webhook_test", "agent_created"] { #expect(try vg(type, "") == .ignored(event: type)) }
    }

    @Test func `the workspace secret is compared, and removed from the body first`() throws {
        #expect(throws: WebhookRejection.wrongSignature) { try vg("conversation_updated", #""ID":"c1","#, secret: "wrong") }
        #expect(throws: WebhookRejection.unsigned) { try Signed.reader(.vg).read(Array(#"{"type":"x","payload":{}}"#.utf8), proof: nil) }
        #expect(throws: WebhookRejection.unsigned) {
            try Signed.reader(.vg).read(Array(#"{"type":"x","payload":{"workspaceSecret":["\#(Signed.secret)"]}}"#.utf8), proof: nil)
        }
        #expect(throws: WebhookRejection.unsigned) { try Signed.reader(.vg).read(Array("[]".utf8), proof: Signed.secret) }
        let body = try JSONValue(text: #"{"type":"x","payload":{"ID":"c1","workspaceSecret":"\#(Signed.secret)"}}"#)
        guard case .enclosed(let takeOut) = try #require(Kind.vg.webhook).proof([:]) else {
            return _ = Issue.record("the secret is not in the body")
        }
        let taken = try #require(takeOut(body))
        #expect(taken.secret == Signed.secret)
        #expect(taken.rest == ["type": "x", "payload": ["ID": "c1"]])
    }

    @Test(arguments: [
        ("", nil, nil), ("no JSON", "data.id", nil), (#"{"data":{"id":17}}"#, "data.id", "17"), (#"{"data":{"id":17}}"#, nil, nil),
        (#"{"data":{"id":"17"}}"#, "data.id", "17"), (#"{"data":[17]}"#, "data.id", nil), (#"{"data":{"id":{}}}"#, "data.id", nil),
    ])
    func `a voicebot call requests the object at the configured path, or the list`(body: String, path: String?, id: String?) throws {
        let expected = id.map { Notice.changed(remoteID: $0, agentID: nil) } ?? .somethingChanged
        let reader = Signed.reader(.voicebot, header: "X-Hub", idPath: path)
        #expect(reader.proofHeader == "X-Hub")
        let hexadecimal = Signed.hexadecimal(body)
        for proof in [hexadecimal, "sha256=" + hexadecimal, Signed.base64(body), "sha256=" + Signed.base64(body)] {
            #expect(try reader.read(Array(body.utf8), proof: proof) == .notices([expected]))
        }
    }

    @Test func `a helpdesk call requests its conversation`() throws {
        let reader = Signed.reader(.helpdesk)
        #expect(reader.proofHeader == "X-Webhook-Key")
        func read(_ body: String) throws -> WebhookReading { try reader.read(Array(body.utf8), proof: Signed.secret) }
        #expect(try read(#"{"conversation_id":"conv_456"}"#) == .notices([.changed(remoteID: "conv_456", agentID: nil)]))
        #expect(try read(#"{"conversation_id":"c","event_type":null}"#) == .notices([.changed(remoteID: "c", agentID: nil)]))
        #expect(try read(#"{"conversation_id":"c","event_type":"agent_typing","data":{}}"#) == .ignored(event: "agent_typing"))
        #expect(throws: WebhookRejection.unreadable(Unreadable("\"conversation_id\" is missing"))) { try read("{}") }
        #expect(throws: WebhookRejection.wrongSignature) { try reader.read(Array("{}".utf8), proof: Signed.secret + "x") }
    }
}
