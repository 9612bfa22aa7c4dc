import SyncCore
import Testing

/// Fields that are only sent: a field is due if it differs from what was agreed, or is in doubt.
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

    @Test func `only fields that differ from what was agreed are sent`() {
        #expect(due(["a": 1, "b": .null, "c": "x"], agreed: ["a": 1, "b": 2, "d": 4]) == ["b": .null, "c": "x"])
    }

    @Test func `a value in another normalization differs, at any depth and in member names`() {
        let composed: JSONValue = ["v": "caf\u{E9}"]
        let decomposed: JSONValue = ["v": "cafe\u{301}"]
        #expect(due(["a": decomposed], agreed: ["a": composed]) == ["a": decomposed])
        #expect(due(["a": composed], agreed: ["a": composed]).isEmpty)
        #expect(!due(["a": ["cafe\u{301}": 1]], agreed: ["a": ["caf\u{E9}": 1]]).isEmpty)
    }

    @Test func `a number that is written differently is the same value`() throws {
        let agreed: Fields = ["a": try JSONValue(text: "[1.0,1e2,-0]")]
        #expect(due(["a": [1, 100, 0]], agreed: agreed).isEmpty)
        #expect(!due(["a": [1, 100, 1]], agreed: agreed).isEmpty)
    }

    @Test func `null is a value: it is sent once and then agreed`() {
        #expect(due(["a": .null], agreed: ["b": 1]) == ["a": .null])
        #expect(due(["a": .null], agreed: ["a": .null]).isEmpty)
    }

    @Test func `a field that is no longer wanted is not sent`() {
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

    @Test func `a new call becomes a row`() {
        #expect(OutboxChange(.send(planned), standing: nil) == .insert(planned))
        #expect(OutboxChange(.send(planned), standing: standing(.pending, body: "{}")) == .insert(planned))
    }

    @Test func `a body that differs only in normalization is a different body`() {
        let composed = PlannedCall(
            call: OutboundCall(operation: "u", method: "PATCH", path: "/1", body: ["title": "caf\u{E9}"]), delta: nil)
        #expect(OutboxChange(.send(composed), standing: standing(.pending, body: #"{"title":"caf\#u{E9}"}"#)) == .none)
        #expect(OutboxChange(.send(composed), standing: standing(.pending, body: #"{"title":"cafe\#u{301}"}"#)) == .insert(composed))
    }

    @Test(arguments: [OutboxState.pending, .held, .dead])
    func `a call that equals the standing row is not written again`(state: OutboxState) {
        #expect(OutboxChange(.send(planned), standing: standing(state, error: "HTTP 422")) == .none)
    }

    @Test func `a refused row is replaced once its cause is fixed`() {
        let refused = standing(.dead, error: Unsendable("no agent").text, isRefused: true)
        #expect(OutboxChange(.send(planned), standing: refused) == .insert(planned))
        #expect(OutboxChange(.refuse(call, Unsendable("no agent")), standing: refused) == .none)
        #expect(OutboxChange(.refuse(call, Unsendable("other")), standing: refused) == .insertRefused(call, Unsendable("other")))
    }

    @Test func `a standing row that is no longer needed is discarded`() {
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

    @Test func `a status value is not sent over one that it must not replace`() {
        #expect(map.word(for: LocalState(.open, .ai), over: nil) == "bot")
        #expect(map.word(for: LocalState(.open, .ai), over: "done") == "bot")
        #expect(map.word(for: LocalState(.open, .ai), over: "person") == nil)
        #expect(map.word(for: LocalState(.closed, .ai), over: "person") == "done")
    }

    @Test func `a state without a statement has no status value`() {
        #expect(map.word(for: LocalState(.open, .human), over: nil) == nil)
        #expect(StatusMap.Cell(configured: "none") == .noStatement)
        #expect(map.words == ["bot", "done"])
    }

    @Test func `status values that stand for several states are reported`() {
        #expect(map.ambiguous(tellsOwner: false).keys.sorted() == ["done"])
        #expect(map.ambiguous(tellsOwner: false)["done"]?.count == 9)
    }

    @Test func `the owner causes no ambiguity for a finished conversation, nor for an open one where the remote names it`() {
        let oneWordEach = StatusMap { .word($0.status.rawValue) }
        #expect(oneWordEach.ambiguous(tellsOwner: true).isEmpty)
        #expect(oneWordEach.ambiguous(tellsOwner: false).keys.sorted() == ["open"])
        let twoOwners = StatusMap { $0.status.isFinished ? .word($0.status.rawValue) : .word($0.owner == .none ? "waiting" : "taken") }
        #expect(twoOwners.ambiguous(tellsOwner: false).keys.sorted() == ["taken"])
    }
}
