import Testing

@testable import SyncDaemon

/// Which connection is closed to make room.
@Suite struct ConnectionRosterTests {
    @Test func `the oldest connection without a verified call is closed to make room`() {
        var roster = ConnectionRoster<Int>(room: 3)
        for number in 1...3 { #expect(roster.opened(number) == nil) }
        roster.verified(1)
        #expect(roster.opened(4) == 2)
        roster.closed(2)
        roster.verified(4)
        #expect(roster.opened(5) == 3)
        roster.closed(3)
    }

    @Test func `a new connection is not closed to make room for itself`() {
        var roster = ConnectionRoster<Int>(room: 2)
        for number in 1...2 {
            #expect(roster.opened(number) == nil)
            roster.verified(number)
        }
        #expect(roster.opened(3) == nil)
        #expect(roster.opened(4) == 3)
        roster.closed(1)
        roster.closed(3)
        #expect(roster.opened(5) == 4)
    }

    @Test func `a closed connection takes no room, and a verified call on it changes nothing`() {
        var roster = ConnectionRoster<Int>(room: 1)
        #expect(roster.opened(1) == nil)
        roster.closed(1)
        roster.verified(1)
        #expect(roster.opened(2) == nil)
    }
}
