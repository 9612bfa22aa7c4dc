import SyncCore
import SyncRemotes
import Testing

/// An unusual response in a place that is not needed does not make a delivered call a dead one.
@Suite struct LenientReplyTests {
    private static let inside: [(Kind, String)] = [
        (.helpdesk, #"{"data":{"id":"c1","status":"open","title":TEXT}}"#),
        (.voicebot, #"{"id":1,"status":"in-progress","customer":{"name":TEXT}}"#),
        (.vg, #"{"success":true,"data":{"state":"ai-chatting","title":TEXT}}"#),
        (.fin, #"{"conversation_id":"c1","status":"thinking","note":TEXT}"#),
    ]

    private func outcome(_ kind: Kind, _ body: [UInt8]) -> DeliveryOutcome {
        let reader = ReplyReader(adapter: kind.adapter(Profile(name: "r", kind: kind, agentID: "a")), classifier: OutcomeClassifier())
        return reader.read(
            HTTPReply(status: 200, body: body), delta: kind == .fin ? nil : Delta(fields: [:]),
            redaction: Redaction(credential: nil, body: .null),
            now: Instant(milliseconds: 0))
    }

    @Test(
        arguments: inside,
        [
            #""\ud83d""#, #""\ude00 later""#, "1e200", "-1e-400", "123456789012345678901234567890123456789012345", "1e999999999999",
        ])
    func `lone surrogates and numbers of any size do not prevent an acknowledgement`(kind: (Kind, String), text: String) {
        #expect(outcome(kind.0, Array(kind.1.replacing("TEXT", with: text).utf8)).outcome == .delivered)
    }

    @Test(arguments: inside)
    func `a byte order mark and bytes that are not UTF-8 do not prevent an acknowledgement`(kind: (Kind, String)) {
        let (before, after) = (kind.1.prefix { $0 != "T" }, kind.1.drop { $0 != "T" }.dropFirst(4))
        #expect(outcome(kind.0, [0xEF, 0xBB, 0xBF] + Array(kind.1.replacing("TEXT", with: "1").utf8)).outcome == .delivered)
        let invalid = Array(before.utf8) + [0x22, 0x61, 0xFF, 0xC3, 0x28, 0x22] + Array(after.utf8)
        #expect(outcome(kind.0, invalid).outcome == .delivered)
    }
}
