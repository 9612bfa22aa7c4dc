import Fixtures
import SyncCore
import SyncRemotes
import Testing

/// Fin recognises a repetition by `message.timestamp`: no two messages may have the same one, and one message always has the same.
@Suite struct FinTimestampTests {
    private let adapter = Kind.fin.adapter(Profile(name: "fin", kind: .fin))

    private func timestamp(of createdAt: String, taken: Set<String>) throws -> String {
        let message = Message(id: "m1", conversationID: "c1", body: "text", createdAt: createdAt)
        let decision = adapter.plan(
            MessageSnapshot(remote: "fin", message: .success(message), user: User(id: "u1"), takenTimestamps: TakenTimestamps(taken)))
        guard case .send(let planned) = decision else { throw Unsendable("not planned: \(decision)") }
        return try #require(planned.call.body["message"]?["timestamp"]?.stringValue)
    }

    /// Floating-point seconds lose a millisecond for some values; this tries many of them.
    @Test(arguments: [UInt64(7), 8, 9])
    func `a taken timestamp is moved by exactly one millisecond`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let moment = Instant(milliseconds: Int64.random(in: 1_700_000_000_000...1_900_000_000_000, using: &random))
            let moved = try timestamp(of: moment.iso8601, taken: [moment.iso8601])
            #expect(Instant(iso8601: moved) == moment + .milliseconds(1), "seed \(seed): \(moment.iso8601) became \(moved)")
        }
    }

    @Test func `a hundred messages of one millisecond have a hundred timestamps`() throws {
        var taken: Set<String> = []
        for _ in 0..<100 { taken.insert(try timestamp(of: "2026-03-01T12:00:00.950Z", taken: taken)) }
        #expect(taken.count == 100)
        #expect(taken.max() == "2026-03-01T12:00:01.049Z")
    }

    @Test func `an unreadable timestamp is refused, because Fin could not recognise repetitions`() throws {
        #expect(throws: Unsendable.self) { try timestamp(of: "2026-99-01T12:00:00.950Z", taken: []) }
    }
}
