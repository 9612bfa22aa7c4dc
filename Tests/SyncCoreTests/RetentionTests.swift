import SyncCore
import Testing

/// When old rows of the outbox are pruned.
@Suite struct RetentionTests {
    private let start = Instant(milliseconds: 1_772_366_400_000)

    @Test func `pruning goes page by page to its end and pauses for an hour`() throws {
        var retention = Retention(.init())
        let page = retention.next(now: start, newestRow: 250_000)
        let first = try #require(page)
        #expect(first.after == 0)
        #expect(first.upTo == 50_000)
        #expect(first.finishedBefore == start - .days(30))
        #expect(first.attentionBefore == nil)
        retention.swept(through: 500, removed: 7)
        let second = retention.next(now: start, newestRow: 250_000)
        #expect(second?.after == 500)
        retention.swept(through: nil, removed: 3)
        #expect(retention.removed == 10)
        let tooSoon = retention.next(now: start + .minutes(59), newestRow: 250_001)
        #expect(tooSoon == nil)
        let later = retention.next(now: start + .hours(1), newestRow: 250_001)
        #expect(later?.after == 0)
        #expect(retention.removed == 0)
    }

    @Test func `many new rows or a clock that was set back begin pruning sooner`() {
        var retention = Retention(.init())
        _ = retention.next(now: start, newestRow: 100)
        retention.swept(through: nil, removed: 0)
        let manyRows = retention.next(now: start, newestRow: 10_100)
        #expect(manyRows != nil)
        retention.swept(through: nil, removed: 0)
        let setBack = retention.next(now: start - .days(1), newestRow: 10_100)
        #expect(setBack != nil)
    }

    @Test func `messages are kept longer than their timestamps have to be known`() throws {
        var retention = Retention(.init())
        let page = retention.next(now: start, newestRow: 1)
        let cut = try #require(page)
        #expect(start - cut.messagesBefore > OutboxRow.messageWindow * 2)
    }

    @Test func `nothing is pruned where retention is off, and dead rows only where it is configured`() {
        var settings = Retention.Settings()
        settings.attentionAge = .days(365)
        var retention = Retention(settings)
        let cut = retention.next(now: start, newestRow: 1)
        #expect(cut?.attentionBefore == start - .days(365))
        settings.isEnabled = false
        retention = Retention(settings)
        let off = retention.next(now: start, newestRow: 1_000_000)
        #expect(off == nil)
    }
}
