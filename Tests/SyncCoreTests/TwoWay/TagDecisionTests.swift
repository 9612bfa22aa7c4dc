import Testing

@testable import SyncCore

/// Tags are decided element by element: what was added and removed on one side is added and removed on the other.
@Suite struct TagDecisionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var agreed: [String]
        var local: [String]
        var held: [String]
        var adopted: [String]
        var sent: [String]?
        var onlyAdds = false
        var testDescription: String { "\(agreed): here \(local), there \(held)\(onlyAdds ? ", which only adds" : "")" }
    }

    @Test(arguments: [
        Case(agreed: ["a"], local: ["a"], held: ["a", "b"], adopted: ["a", "b"]),
        Case(agreed: ["a", "b"], local: ["a", "b"], held: ["b"], adopted: ["b"]),
        Case(agreed: ["a", "b"], local: ["b"], held: ["a", "b"], adopted: ["b"], sent: ["b"]),
        Case(agreed: ["a", "b"], local: ["b", "c"], held: ["a", "d"], adopted: ["c", "d"], sent: ["c", "d"]),
        Case(agreed: ["a"], local: ["a", "b"], held: ["a", "b"], adopted: ["a", "b"]),
        Case(agreed: ["a", "b"], local: ["b", "a"], held: ["a", "b"], adopted: ["b", "a"], sent: ["b", "a"]),
        Case(agreed: ["a", "b"], local: ["a"], held: ["a", "b"], adopted: ["a"], onlyAdds: true),
        Case(agreed: ["a"], local: ["a", "b"], held: ["a", "c"], adopted: ["a", "b", "c"], sent: ["a", "b", "c"], onlyAdds: true),
    ])
    func `each side's additions and removals reach the other`(tags: Case) {
        let decision = decide(tags, doubt: [])
        #expect(decision.local.values.tags == tags.adopted)
        #expect(decision.send["tags"]?.texts == tags.sent)
    }

    @Test func `a tag that a lost call carried is not an addition at the remote`() {
        // `b` was sent without a response, and has been removed here since.
        let tags = Case(agreed: ["a"], local: ["a"], held: ["a", "b"], adopted: ["a"], sent: ["a"])
        let decision = decide(tags, doubt: [Self.value(["a", "b"])])
        #expect(decision.local.values.tags == tags.adopted)
        #expect(decision.send["tags"]?.texts == tags.sent)
    }

    @Test(arguments: [false, true])
    func `a tag that a lost call carried and that is not at the remote was not removed there`(onlyAdds: Bool) {
        // `a` and `b` were sent without a response, and somebody has added `c` there.
        let tags = Case(
            agreed: [], local: ["a", "b"], held: ["c"], adopted: ["a", "b", "c"], sent: ["a", "b", "c"], onlyAdds: onlyAdds)
        let decision = decide(tags, doubt: [Self.value(["a", "b"])])
        #expect(decision.local.values.tags == tags.adopted)
        #expect(decision.send["tags"]?.texts == tags.sent)
    }

    @Test func `a tag that a lost call left out and that is missing at the remote was not removed there`() {
        // `b` alone was sent without a response, and `a` has been added here again since.
        let tags = Case(agreed: ["a"], local: ["a", "b"], held: ["b"], adopted: ["a", "b"], sent: ["a", "b"])
        let decision = decide(tags, doubt: [Self.value(["b"])])
        #expect(decision.local.values.tags == tags.adopted)
        #expect(decision.send["tags"]?.texts == tags.sent)
    }

    @Test(arguments: [(nil, nil), (FieldRecord.Note.refused, ["a"])] as [(FieldRecord.Note?, [String]?)])
    func `a tag that was sent once is sent again only if it was refused`(note: FieldRecord.Note?, sent: [String]?) {
        // `a` and `b` were sent, and only `a` is wanted now.
        let tags = Case(agreed: ["a", "b"], local: ["a"], held: [], adopted: ["a"], sent: sent, onlyAdds: true)
        let decision = decide(tags, theirs: [], note: note, doubt: [])
        #expect(decision.local.values.tags == tags.adopted)
        #expect(decision.send["tags"]?.texts == tags.sent)
    }

    @Test(arguments: [(nil, nil), (FieldRecord.Note.refused, ["a", "c"])] as [(FieldRecord.Note?, [String]?)])
    func `a refused tag is sent with the list after somebody has added another one there`(note: FieldRecord.Note?, sent: [String]?) {
        let tags = Case(agreed: ["a"], local: ["a"], held: ["c"], adopted: ["a", "c"], sent: sent)
        let decision = decide(tags, theirs: [], note: note, doubt: [])
        #expect(decision.local.values.tags == tags.adopted)
        #expect(decision.send["tags"]?.texts == tags.sent)
    }

    private func decide(
        _ tags: Case, theirs: [String]? = nil, note: FieldRecord.Note? = nil, doubt: [JSONValue]
    ) -> TwoWayDecision {
        let rules = TwoWayRules(
            fields: [.init("tags", .tags, onlyAdds: tags.onlyAdds)], lens: TwoWayKind.helpdesk.lens,
            policy: AdoptionPolicy(fields: [.tags], conflict: .newest, reopening: .message), aiAssignees: [], aiAssignee: nil,
            unknownAssignee: TwoWayKind.unknown
        ) { values in values.tags.map { ["tags": Self.value($0)] } ?? [:] }
        let agreed = KnownValue.value(Self.value(tags.agreed))
        var link = LinkRecord(
            fields: [
                "tags": FieldRecord(
                    ours: agreed, theirs: theirs.map { .value(Self.value($0)) } ?? agreed, held: .value(Self.value(tags.held)),
                    doubt: doubt,
                    note: note)
            ])
        link.isKnown = true
        let row = TwoWayWorld([], LocalValues(status: .open, tags: tags.local)).local
        return TwoWayDecision(link, row, rules, now: TwoWayWorld.second(10))
    }

    private static func value(_ tags: [String]) -> JSONValue { .array(tags.map(JSONValue.string)) }
}
