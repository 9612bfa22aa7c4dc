import Testing

@testable import SyncCore

/// What stays when everything that is known of a link is forgotten.
@Suite struct ForgettingTests {
    private let now = Instant(milliseconds: 1_772_366_400_000)

    private func forgotten(_ field: FieldRecord) -> FieldRecord {
        var record = LinkRecord(fields: ["user_id": field])
        record.isKnown = true
        record.forget(at: now)
        return record["user_id"]
    }

    @Test func `after forgetting nothing is agreed, held or in doubt, and the next contact is the first`() {
        var record = LinkRecord(fields: [
            "status": FieldRecord(ours: .value("a"), theirs: .value("b"), held: .value("c"), doubt: ["d"], isByUs: true, note: .drift)
        ])
        (record.isKnown, record.floor, record.hold, record.former) = (true, now, .value("x"), .anything)
        record.sendBacks = [.init(value: .value("x"), at: now)]
        record.forget(at: now)
        #expect(record["status"] == FieldRecord())
        #expect(record.isBlank)
        #expect(!record.isKnown)
        #expect(record.forgottenAt == now)
        #expect(record.lastHeardAt == now)
        #expect(record.floor == nil)
        #expect(record.hold == nil)
        #expect(record.former == .none)
        #expect(record.sendBacks.isEmpty)
    }

    @Test func `what was planned before the record began stays so, and its numbers count for nothing`() {
        var record = LinkRecord()
        record.rowsBefore = 7
        record.forget(at: now)
        #expect(!record.includes(row: 7) && record.includes(row: 8))
        let numbers = ByAttribute<Int64>(status: 9, assignee: 11, title: 1)
        record.lost(["status": "a"], of: numbers, inRow: 7)
        #expect(record.doubtOf == .init(repeating: 0) && record["status"].doubt == ["a"])
        record.lost(["status": "b"], of: numbers, inRow: 8)
        #expect(record.doubtOf == numbers && record["status"].doubt == ["a", "b"])
    }

    @Test(arguments: [FieldRecord.Note.refused, .notOurs, .takenOff])
    func `a refused value and an assignment that is not ours to revoke are not sent after forgetting`(_ note: FieldRecord.Note) {
        let field = forgotten(FieldRecord(ours: .value("7"), theirs: .value("8"), held: .value("8"), note: note))
        #expect(field == FieldRecord(ours: .value("7"), note: note))
    }

    @Test func `an agreed empty assignment is kept, so that a user who was restored is removed`() {
        #expect(forgotten(FieldRecord(ours: .value(.null), theirs: .value(.null), held: .value(.null))).isByUs)
        #expect(!forgotten(FieldRecord(ours: .value(.null), theirs: .value("8"), held: .value("8"))).isByUs)
        #expect(!forgotten(FieldRecord(ours: .value("8"), theirs: .value("8"), held: .value("8"), isByUs: true)).isByUs)
    }
}
