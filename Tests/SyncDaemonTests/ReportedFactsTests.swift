import Testing

@testable import SyncDaemon

@Suite struct ReportedFactsTests {
    @Test func `a fact is new once, and its parts are not confused`() {
        var facts = ReportedFacts(limit: 10)
        let isNew = [
            facts.insert("vg", "paused"), facts.insert("vg", "paused"), facts.insert("vgp", "aused"), facts.insert("vg", "pa\u{0}used"),
        ]
        #expect(isNew == [true, false, true, true])
    }

    @Test func `beyond the limit nothing is new`() {
        var facts = ReportedFacts(limit: 2)
        let isNew = ["a", "b", "c"].map { facts.insert($0) }
        #expect(isNew == [true, true, false])
        #expect(InboundReporter.unmappedLimit == 1000 && DeliveryReporter.omissionLimit == 1000)
        #expect(InboundReporter.unreadableLimit == 10_000)
    }
}
