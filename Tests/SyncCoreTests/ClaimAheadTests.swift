import SyncCore
import Testing

@Suite struct ClaimAheadTests {
    private func wanted(
        _ claims: ClaimAhead, buffered: Int = 0, concurrency: Int = 8, isHeld: Bool = false, isProbing: Bool = false
    ) -> Int {
        claims.wanted(buffered: buffered, concurrency: concurrency, isHeld: isHeld, isProbing: isProbing)
    }

    @Test func `claims grow up to the largest size while each one is filled`() {
        var claims = ClaimAhead(concurrency: 8, payload: .state)
        var sizes: [Int] = []
        for _ in 0..<8 {
            let size = wanted(claims)
            sizes.append(size)
            claims.asked(for: size)
            claims.brought(size)
        }
        #expect(sizes == [16, 32, 64, 128, 256, 512, 512, 512])
    }

    @Test func `messages are never claimed ahead`() {
        var claims = ClaimAhead(concurrency: 8, payload: .message)
        for _ in 0..<5 {
            #expect(wanted(claims) == 8)
            claims.asked(for: 8)
            claims.brought(8)
        }
    }

    @Test func `a lowered concurrency limits how many messages are claimed, but not how many states`() {
        #expect(wanted(ClaimAhead(concurrency: 8, payload: .message), concurrency: 3) == 3)
        #expect(wanted(ClaimAhead(concurrency: 8, payload: .state), concurrency: 3) == 16)
    }

    @Test func `a claim that was not filled means that no more rows are due until something changes`() {
        var claims = ClaimAhead(concurrency: 8, payload: .state)
        #expect(!claims.mayHaveDue)
        claims.mayBeDue()
        claims.asked(for: 16)
        claims.brought(3)
        #expect(!claims.mayHaveDue)
        claims.mayBeDue()
        #expect(claims.mayHaveDue)
    }

    @Test func `after a claim that large rows cut short, few rows are claimed, and more again once they fit`() {
        var claims = ClaimAhead(concurrency: 8, payload: .state)
        claims.asked(for: 16)
        claims.brought(4, isCutShort: true)
        #expect(claims.mayHaveDue)
        #expect(wanted(claims, buffered: 3) == 0 && wanted(claims, buffered: 2) == 4)
        claims.asked(for: 4)
        claims.brought(4)
        #expect(wanted(claims) == 8)
        var messages = ClaimAhead(concurrency: 8, payload: .message)
        messages.asked(for: 8)
        messages.brought(1, isCutShort: true)
        #expect(messages.mayHaveDue && wanted(messages) == 8, "as many as may be in flight")
    }

    @Test func `an exchange that claimed nothing does not change what is known of due rows`() {
        var claims = ClaimAhead(concurrency: 8, payload: .state)
        claims.mayBeDue()
        claims.asked(for: 0)
        claims.brought(0)
        #expect(claims.mayHaveDue)
    }

    @Test func `no rows are claimed while enough are at hand or the remote is on hold, and a probe claims one`() {
        let claims = ClaimAhead(concurrency: 8, payload: .state)
        #expect(wanted(claims, buffered: 9) == 0)
        #expect(wanted(claims, buffered: 8) == 16)
        #expect(wanted(claims, isHeld: true) == 0)
        #expect(wanted(claims, isProbing: true) == 1)
        #expect(wanted(claims, buffered: 1, isProbing: true) == 0)
    }

    @Test func `where the remote has a rate, no more rows are claimed than the rate admits`() {
        let claims = ClaimAhead(concurrency: 8, payload: .state)
        for (admitted, buffered, expected) in [(0, 0, 0), (1, 0, 1), (5, 0, 5), (5, 3, 2), (5, 5, 0), (3, 7, 0), (100, 0, 16)] {
            let wanted = claims.wanted(buffered: buffered, concurrency: 8, isHeld: false, isProbing: false, admitted: admitted)
            #expect(wanted == expected, "\(admitted) calls, \(buffered) rows at hand")
        }
        #expect(claims.wanted(buffered: 0, concurrency: 8, isHeld: false, isProbing: true, admitted: 0) == 0, "a probe is a call, too")
    }

    @Test func `claims that are limited by the rate do not grow`() {
        var claims = ClaimAhead(concurrency: 8, payload: .state)
        for _ in 0..<10 {
            claims.asked(for: 3)
            claims.brought(3)
            #expect(claims.mayHaveDue)
        }
        #expect(wanted(claims) == 16)
    }

    @Test func `an exchange without a claim says whether rows are due`() {
        var claims = ClaimAhead(concurrency: 8, payload: .state)
        claims.mayBeDue()
        claims.found(isSomethingDue: false)
        #expect(!claims.mayHaveDue)
        claims.found(isSomethingDue: true)
        #expect(claims.mayHaveDue)
    }
}
