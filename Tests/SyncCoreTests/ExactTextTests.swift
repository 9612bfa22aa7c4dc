import SyncCore
import Testing

/// `é` in two normalizations: equal as Swift strings, but different to a database or a remote.
@Suite struct ExactTextTests {
    private let composed = "caf\u{E9}"
    private let decomposed = "cafe\u{301}"

    @Test func `texts are compared by their bytes`() {
        #expect(composed == decomposed, "what makes this necessary")
        #expect(!composed.hasSameBytes(as: decomposed))
        #expect(composed.hasSameBytes(as: "caf" + "\u{E9}"))
        #expect(Set([ExactText(composed), ExactText(decomposed)]).count == 2)
        #expect([composed, decomposed, composed].exactSet.count == 2)
        #expect(!(composed as String?).hasSameBytes(as: nil))
        #expect((nil as String?).hasSameBytes(as: nil))
    }

    @Test func `JSON values are compared by the bytes of their strings`() {
        #expect(JSONValue.string(composed) != .string(decomposed))
        #expect(JSONValue.array([.string(composed)]) != .array([.string(decomposed)]))
        #expect(Set<JSONValue>([.string(composed), .string(decomposed)]).count == 2)
    }

    @Test func `members whose names differ in normalization are two members in a fixed order`() throws {
        let text = "{\"\(decomposed)\":1,\"\(composed)\":2}"
        let value = try JSONValue(text: text)
        #expect(value.objectValue?.count == 2)
        #expect(value[composed] == 2)
        #expect(value[decomposed] == 1)
        #expect(value.text.hasSameBytes(as: text))
        #expect(try JSONValue(text: "{\"\(composed)\":2,\"\(decomposed)\":1}").text.hasSameBytes(as: text))
    }

    @Test func `objects of a remote are distinguished by the bytes of their ids`() {
        #expect(ReadRequest(remoteID: composed) != ReadRequest(remoteID: decomposed))
        #expect(ReadRequest(remoteID: "1", agentID: composed) != ReadRequest(remoteID: "1", agentID: decomposed))
        #expect(Observation.Assignee.somebody(composed) != .somebody(decomposed))
        #expect(Observation.Assignee.somebody(composed) == .somebody(composed))
    }
}
