import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

@Suite struct RowOutlookTests {
    private let now = Instant(milliseconds: 1_772_366_400_000)

    private func hold(_ obstacle: RowObstacle?, dueIn span: Duration = .zero, _ gate: RemoteGate.Stored = .init()) throws -> String? {
        let outlook = try #require(RowOutlook(.pending, dueAt: (now + span).iso8601, obstacle: obstacle, gate: gate, now: now))
        return outlook.hold(of: "fin") { $0 }
    }

    @Test func `a pending row waits for the row that comes first, whenever it is due`() throws {
        #expect(try hold(.row(7)) == "row 7 comes first")
        #expect(try hold(.row(7), dueIn: .hours(1)) == "row 7 comes first")
        #expect(try hold(.row(nil)) == "its turn comes with the next exchange")
        #expect(try hold(.planning) == "a newer change to the conversation is planned first")
        #expect(try hold(.sharedObject) == "another conversation links to the same object")
        #expect(try hold(nil) == nil)
        let outlook = RowOutlook(.pending, dueAt: now.iso8601, obstacle: .row(7), gate: .init(), now: now)
        #expect(outlook?.waitsForItsTurn == true && outlook?.moment == nil)
    }

    @Test func `a pause of the remote is named before the row that comes first, which it holds up as well`() throws {
        #expect(try hold(.row(7), RemoteGate.Stored(pausedAt: now))?.hasPrefix("fin is paused") == true)
        #expect(try hold(.row(7), RemoteGate.Stored(throttledUntil: now + .hours(1))) == "row 7 comes first")
    }
}
