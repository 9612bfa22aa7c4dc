import SyncCore
import Testing

@testable import SyncDaemon

/// Which failures are written, and which are only counted.
@Suite struct RepeatCounterTests {
    private let start = Instant(milliseconds: 1_772_366_400_000)

    private func kind(_ error: String? = "HTTP 503", remote: String = "vg", status: Int? = 503) -> RepeatCounter.Kind {
        .init(remote: remote, outcome: "retry", status: status, error: error)
    }

    /// Feeds failures and returns how many were written.
    private func written(_ counter: inout RepeatCounter, _ kind: RepeatCounter.Kind, times: Int, at now: Instant) -> Int {
        (0..<times).filter { _ in counter.take(kind, error: "HTTP 503", now: now).isWritten }.count
    }

    @Test func `the first few failures are written, and ten thousand more become one line`() {
        var counter = RepeatCounter(limit: 5)
        let first = written(&counter, kind(), times: 10_005, at: start)
        #expect(first == 5)
        let early = counter.takeSummaries(now: start + .seconds(59))
        #expect(early.isEmpty)
        let summaries = counter.takeSummaries(now: start + .minutes(1))
        #expect(summaries == [.init(kind: kind(), error: "HTTP 503", repeats: 10_000, since: start)])
        let again = counter.takeSummaries(now: start + .minutes(1))
        #expect(again.isEmpty)
    }

    @Test func `a different remote, outcome, status or error is a different kind of failure`() {
        var counter = RepeatCounter(limit: 1)
        let kinds = [
            kind(), kind("connection refused", status: nil), kind(remote: "voicebot"), kind(status: 500),
            .init(remote: "vg", outcome: "park", status: 503, error: "HTTP 503"),
        ]
        for kind in kinds {
            let count = written(&counter, kind, times: 3, at: start)
            #expect(count == 1)
        }
        let all = counter.takeSummaries(now: start, all: true)
        #expect(all.count == 5)
        #expect(all.allSatisfy { $0.repeats == 2 })
    }

    @Test func `different ids, timestamps and durations are the same kind of failure`() {
        #expect(kind("HTTP 503: request 7f3a failed after 12ms") == kind("HTTP 503: request 99bc failed after 8ms"))
        #expect(kind("HTTP 503: try later") != kind("HTTP 503: database down"))
    }

    @Test func `a new minute begins with written lines and the count of the last one`() {
        var counter = RepeatCounter(limit: 2)
        _ = written(&counter, kind(), times: 10, at: start)
        let next = counter.take(kind(), error: "HTTP 503", now: start + .minutes(1))
        #expect(next.isWritten)
        #expect(next.summary?.repeats == 8)
        let second = counter.take(kind(), error: "HTTP 503", now: start + .minutes(1))
        #expect(second.isWritten && second.summary == nil)
        let third = counter.take(kind(), error: "HTTP 503", now: start + .minutes(1))
        #expect(!third.isWritten)
    }

    @Test func `a clock that is set back begins a new window`() {
        var counter = RepeatCounter(limit: 1)
        _ = written(&counter, kind(), times: 3, at: start)
        let back = counter.take(kind(), error: nil, now: start - .hours(1))
        #expect(back.isWritten)
        #expect(back.summary?.repeats == 2)
    }

    @Test func `memory and lines are bounded, however many kinds of failures there are`() {
        var counter = RepeatCounter(limit: 1)
        var lines = 0
        for index in 0..<5000 {
            let letters = String(index, radix: 2).map { $0 == "0" ? "a" : "b" }.joined()
            if counter.take(kind("error \(letters)"), error: nil, now: start).isWritten { lines += 1 }
        }
        #expect(lines == 201, "200 kinds, and one for all others")
        let summaries = counter.takeSummaries(now: start, all: true)
        #expect(summaries.map(\.repeats).reduce(0, +) == 5000 - lines)
    }
}
