import SeededRandom
import SyncCore
import Testing

@Suite struct DeltaTests {
    @Test func `only what differs from the base is sent`() {
        let delta = Delta(wanted: ["a": 1, "b": .null, "c": "x"], base: ["a": 1, "b": 2, "d": 4])
        #expect(delta.fields == ["b": .null, "c": "x"])
    }

    @Test func `a value in another normalization differs, at any depth and in names`() {
        let composed: JSONValue = ["v": "caf\u{E9}"]
        let decomposed: JSONValue = ["v": "cafe\u{301}"]
        #expect(Delta(wanted: ["a": decomposed], base: ["a": composed]).fields == ["a": decomposed])
        #expect(Delta(wanted: ["a": composed], base: ["a": composed]).isEmpty)
        #expect(!Delta(wanted: ["a": ["cafe\u{301}": 1]], base: ["a": ["caf\u{E9}": 1]]).isEmpty)
    }

    @Test func `a number that is written otherwise is the same value`() throws {
        let base: Fields = ["a": try JSONValue(text: "[1.0,1e2,-0]")]
        #expect(Delta(wanted: ["a": [1, 100, 0]], base: base).isEmpty)
        #expect(!Delta(wanted: ["a": [1, 100, 1]], base: base).isEmpty)
    }

    @Test func `null is a value: it is sent once and then known`() {
        #expect(Delta(wanted: ["a": .null], base: [:]).fields == ["a": .null])
        #expect(Delta(wanted: ["a": .null], base: ["a": .null]).isEmpty)
    }

    @Test func `what is wanted no more is no statement`() {
        #expect(Delta(wanted: [:], base: ["a": 1]).isEmpty)
    }

    @Test func `a field in doubt is sent although it equals the base`() {
        #expect(Delta(wanted: ["a": 1, "b": 2], base: ["a": 1, "b": 2], inDoubt: ["b", "z"]).fields == ["b": 2])
    }

    /// Acknowledging a delta leaves nothing to send, whatever was there before.
    @Test(arguments: [UInt64(5), 6, 7])
    func `acknowledging a delta makes the next one empty`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values: [JSONValue] = [.null, 1, "x", true, ["a"], ["k": 1]]
        func fields() -> Fields {
            var fields: Fields = [:]
            for name in ["a", "b", "c", "d", "e"] where Bool.random(using: &random) { fields[name] = values.randomElement(using: &random) }
            return fields
        }
        for _ in 0..<2000 {
            let wanted = fields()
            let base = fields()
            let delta = Delta(wanted: wanted, base: base)
            let acknowledged = base.merging(delta.fields) { $1 }
            #expect(Delta(wanted: wanted, base: acknowledged).isEmpty, "seed \(seed)")
            #expect(delta.fields.allSatisfy { wanted[$0.key] == $0.value && base[$0.key] != $0.value }, "seed \(seed)")
        }
    }
}

@Suite struct OutboxChangeTests {
    private let call = OutboundCall(operation: "u", method: "PATCH", path: "/1", body: ["status": "done"])
    private var planned: PlannedCall { PlannedCall(call: call, delta: Delta(fields: ["status": "done"])) }

    private func standing(_ state: OutboxState, body: String = #"{"status":"done"}"#, error: String? = nil) -> StandingRow {
        StandingRow(id: 7, state: state, path: "/1", body: body, error: error)
    }

    @Test func `something new is written`() {
        #expect(OutboxChange(.send(planned), standing: nil) == .insert(planned))
        #expect(OutboxChange(.send(planned), standing: standing(.pending, body: "{}")) == .insert(planned))
    }

    @Test func `a body that differs in normalization only is another one`() {
        let composed = PlannedCall(
            call: OutboundCall(operation: "u", method: "PATCH", path: "/1", body: ["title": "caf\u{E9}"]), delta: nil)
        #expect(OutboxChange(.send(composed), standing: standing(.pending, body: #"{"title":"caf\#u{E9}"}"#)) == .none)
        #expect(OutboxChange(.send(composed), standing: standing(.pending, body: #"{"title":"cafe\#u{301}"}"#)) == .insert(composed))
    }

    @Test(arguments: [OutboxState.pending, .held, .dead])
    func `what stands already is not written twice`(state: OutboxState) {
        #expect(OutboxChange(.send(planned), standing: standing(state, error: "HTTP 422")) == .none)
    }

    @Test func `a refused row gives way once its cause is mended`() {
        let refused = standing(.dead, error: Refusal("no agent").text)
        #expect(OutboxChange(.send(planned), standing: refused) == .insert(planned))
        #expect(OutboxChange(.refuse(call, Refusal("no agent")), standing: refused) == .none)
        #expect(OutboxChange(.refuse(call, Refusal("other")), standing: refused) == .insertRefused(call, Refusal("other")))
    }

    @Test func `a row that nothing wants any more is discarded`() {
        guard case .discardStanding = OutboxChange(.upToDate(omissions: []), standing: standing(.pending)) else {
            return #expect(Bool(false), "the standing row has become pointless")
        }
        #expect(OutboxChange(.upToDate(omissions: []), standing: nil) == .none)
    }
}

@Suite struct StatusMapTests {
    private let map = StatusMap(neverOver: ["bot": ["person"]]) { state in
        state.status.isFinished ? .word("done") : state.owner == .ai ? .word("bot") : .noStatement
    }

    @Test func `a word gives way where it has to`() {
        #expect(map.word(for: LocalState(.open, .ai), over: nil) == "bot")
        #expect(map.word(for: LocalState(.open, .ai), over: "done") == "bot")
        #expect(map.word(for: LocalState(.open, .ai), over: "person") == nil)
        #expect(map.word(for: LocalState(.closed, .ai), over: "person") == "done")
    }

    @Test func `no statement is no word`() {
        #expect(map.word(for: LocalState(.open, .human), over: nil) == nil)
        #expect(StatusMap.Cell(configured: "none") == .noStatement)
        #expect(map.words == ["bot", "done"])
    }

    @Test func `words that stand for several states are named`() {
        #expect(map.ambiguous.keys.sorted() == ["done"])
        #expect(map.ambiguous["done"]?.count == 9)
    }
}
