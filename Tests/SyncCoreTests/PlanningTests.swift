import SyncCore
import Testing

/// Fields that are only sent: what is due is what differs from what was agreed, or is in doubt.
@Suite struct DueFieldTests {
    private func due(_ wanted: Fields, agreed: Fields, inDoubt: Fields = [:]) -> Fields {
        let rules = TwoWayRules(
            fields: wanted.keys.sorted().map { .init($0, .plain) },
            lens: StatusLens(outbound: StatusMap { _ in .noStatement }, inbound: .init()),
            policy: .init(), aiAssignees: [], aiAssignee: nil, unknownAssignee: "unknown"
        ) { _ in wanted }
        var record = LinkRecord(LinkRecord.FormerColumns(base: agreed, inDoubt: inDoubt, acknowledgedAt: Instant(milliseconds: 0)))
        let local = LocalRow(
            LocalValues(status: .open), changedAt: .init(repeating: Instant(milliseconds: 0)), numbers: .init(repeating: 1))
        record.begin(rules, local)
        return TwoWayDecision(record, local, rules, now: Instant(milliseconds: 1000)).send
    }

    @Test func `only what differs from what was agreed is sent`() {
        #expect(due(["a": 1, "b": .null, "c": "x"], agreed: ["a": 1, "b": 2, "d": 4]) == ["b": .null, "c": "x"])
    }

    @Test func `a value in another normalization differs, at any depth and in names`() {
        let composed: JSONValue = ["v": "caf\u{E9}"]
        let decomposed: JSONValue = ["v": "cafe\u{301}"]
        #expect(due(["a": decomposed], agreed: ["a": composed]) == ["a": decomposed])
        #expect(due(["a": composed], agreed: ["a": composed]).isEmpty)
        #expect(!due(["a": ["cafe\u{301}": 1]], agreed: ["a": ["caf\u{E9}": 1]]).isEmpty)
    }

    @Test func `a number that is written otherwise is the same value`() throws {
        let agreed: Fields = ["a": try JSONValue(text: "[1.0,1e2,-0]")]
        #expect(due(["a": [1, 100, 0]], agreed: agreed).isEmpty)
        #expect(!due(["a": [1, 100, 1]], agreed: agreed).isEmpty)
    }

    @Test func `null is a value: it is sent once and then known`() {
        #expect(due(["a": .null], agreed: ["b": 1]) == ["a": .null])
        #expect(due(["a": .null], agreed: ["a": .null]).isEmpty)
    }

    @Test func `what is wanted no more is not a statement`() {
        #expect(due([:], agreed: ["a": 1]).isEmpty)
    }

    @Test func `a field in doubt is sent although it equals what was agreed`() {
        #expect(due(["a": 1, "b": 2], agreed: ["a": 1, "b": 2], inDoubt: ["b": 2, "z": 3]) == ["b": 2])
    }
}

@Suite struct OutboxChangeTests {
    private let call = OutboundCall(operation: "u", method: "PATCH", path: "/1", body: ["status": "done"])
    private var planned: PlannedCall { PlannedCall(call: call, delta: Delta(fields: ["status": "done"])) }

    private func standing(
        _ state: OutboxState, body: String = #"{"status":"done"}"#, error: String? = nil, isRefused: Bool = false
    ) -> StandingRow {
        StandingRow(id: 7, state: state, path: "/1", body: body, error: error, isRefused: isRefused)
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
        let refused = standing(.dead, error: Unsendable("no agent").text, isRefused: true)
        #expect(OutboxChange(.send(planned), standing: refused) == .insert(planned))
        #expect(OutboxChange(.refuse(call, Unsendable("no agent")), standing: refused) == .none)
        #expect(OutboxChange(.refuse(call, Unsendable("other")), standing: refused) == .insertRefused(call, Unsendable("other")))
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

    @Test func `a missing statement is not a word`() {
        #expect(map.word(for: LocalState(.open, .human), over: nil) == nil)
        #expect(StatusMap.Cell(configured: "none") == .noStatement)
        #expect(map.words == ["bot", "done"])
    }

    @Test func `words that stand for several states are named`() {
        #expect(map.ambiguous(tellsOwner: false).keys.sorted() == ["done"])
        #expect(map.ambiguous(tellsOwner: false)["done"]?.count == 9)
    }

    @Test func `who has a conversation that is over is nothing to tell apart, and who has an open one is not where he is named`() {
        let oneWordEach = StatusMap { .word($0.status.rawValue) }
        #expect(oneWordEach.ambiguous(tellsOwner: true).isEmpty)
        #expect(oneWordEach.ambiguous(tellsOwner: false).keys.sorted() == ["open"])
        let twoOwners = StatusMap { $0.status.isFinished ? .word($0.status.rawValue) : .word($0.owner == .none ? "waiting" : "taken") }
        #expect(twoOwners.ambiguous(tellsOwner: false).keys.sorted() == ["taken"])
    }
}
