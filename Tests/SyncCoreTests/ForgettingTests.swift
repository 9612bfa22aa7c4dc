import Testing

@testable import SyncCore

/// What stays when everything that is known of a remote is forgotten.
@Suite struct ForgettingTests {
    private let now = Instant(milliseconds: 1_772_366_400_000)

    private func forgotten(_ field: FieldRecord) -> FieldRecord {
        var record = LinkRecord(fields: ["user_id": field])
        record.isKnown = true
        record.forget(at: now)
        return record["user_id"]
    }

    @Test func `nothing is agreed, held or in doubt any more, and the first contact is ahead`() {
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

    @Test(arguments: [FieldRecord.Note.refused, .notOurs, .takenOff])
    func `what the remote refuses, and what is not ours to revoke, is not sent because of it`(_ note: FieldRecord.Note) {
        let field = forgotten(FieldRecord(ours: .value("7"), theirs: .value("8"), held: .value("8"), note: note))
        #expect(field == FieldRecord(ours: .value("7"), note: note))
    }

    @Test func `that both sides agreed on nobody is remembered, so that a user who is back is taken off`() {
        #expect(forgotten(FieldRecord(ours: .value(.null), theirs: .value(.null), held: .value(.null))).isByUs)
        #expect(!forgotten(FieldRecord(ours: .value(.null), theirs: .value("8"), held: .value("8"))).isByUs)
        #expect(!forgotten(FieldRecord(ours: .value("8"), theirs: .value("8"), held: .value("8"), isByUs: true)).isByUs)
    }
}
