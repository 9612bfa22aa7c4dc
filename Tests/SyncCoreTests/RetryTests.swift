import Fixtures
import SyncCore
import Testing

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy(base: .seconds(2), cap: .minutes(15))

    @Test func `the ceiling doubles from the base up to the cap`() {
        #expect(
            (1...12).map { policy.ceiling(afterFailures: $0).milliseconds / 1000 } == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])
    }

    @Test func `very many failures do not overflow`() {
        #expect(RetryPolicy(base: .days(300), cap: .days(400)).ceiling(afterFailures: Int.max) == .days(400))
    }

    @Test func `the pause is spread over the whole range`() {
        var random = SeededGenerator(seed: 4)
        let pauses = (0..<4000).map { _ in policy.pause(afterFailures: 4, using: &random).milliseconds }
        #expect(pauses.allSatisfy { (0...16_000).contains($0) })
        // Full jitter: all four quarters occur about equally often.
        for quarter in 0..<4 {
            let hits = pauses.count { $0 / 4001 == quarter }
            #expect((800...1200).contains(hits), "quarter \(quarter) was hit \(hits) times")
        }
    }
}

@Suite struct RetryHintsTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110.
    private let date = Instant(milliseconds: 784_111_777_000)

    @Test(arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    func `the three forms of HTTP-date are the same time`(text: String) {
        #expect(HTTPDate.parse(text) == date)
    }

    @Test(arguments: [
        "", "soon", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Abc 1994 08:49:37 GMT", "Sun, 66 Nov 1994 08:49:37 GMT", "06 Nov 1994",
    ])
    func `text in any other form is not an HTTP-date`(text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }

    @Test func `leap days are counted`() {
        #expect(HTTPDate.parse("Thu, 29 Feb 2024 00:00:00 GMT")?.iso8601 == "2024-02-29T00:00:00.000Z")
        #expect(HTTPDate.parse("Fri, 01 Mar 2024 00:00:00 GMT")?.iso8601 == "2024-03-01T00:00:00.000Z")
        #expect(HTTPDate.parse("Tue, 31 Dec 2069 23:59:59 GMT")?.iso8601 == "2069-12-31T23:59:59.000Z")
    }

    @Test(arguments: [("120", 120_000), (" 3 ", 3000), ("0.5", 500), ("Sun, 06 Nov 1994 08:50:37 GMT", 60_000)])
    func `Retry-After counts from now, as seconds or as a date`(value: String, milliseconds: Int64) {
        let moment = RetryHints(headers: ["retry-after": value], now: date, cap: .days(1)).notBefore
        #expect(moment == date + .milliseconds(milliseconds))
    }

    @Test(arguments: ["-5", "soon", "0", "Sun, 06 Nov 1994 08:49:36 GMT"])
    func `a Retry-After that is past or invalid gives no time`(value: String) {
        #expect(RetryHints(headers: ["retry-after": value], now: date, cap: .days(1)).notBefore == nil)
    }

    @Test func `a Retry-After beyond the cap is cut to it`() {
        #expect(RetryHints(headers: ["retry-after": "999999"], now: date, cap: .hours(1)).notBefore == date + .hours(1))
    }

    @Test func `a used up quota holds until its reset`() {
        let now = Instant(milliseconds: 1_700_000_000_000)
        let used = ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000030"]
        let left = ["x-ratelimit-remaining": "5", "x-ratelimit-reset": "1700000030"]
        let relative = ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"]
        #expect(RetryHints(headers: used, now: now, cap: .days(1)).notBefore == now + .seconds(30))
        #expect(RetryHints(headers: left, now: now, cap: .days(1)).notBefore == nil)
        #expect(RetryHints(headers: relative, now: now, cap: .days(1)).notBefore == now + .seconds(12))
        #expect(RetryHints(headers: used.merging(["retry-after": "90"]) { $1 }, now: now, cap: .days(1)).notBefore == now + .seconds(90))
    }
}

@Suite struct QuotaTests {
    private let now = Instant(milliseconds: 1_700_000_000_000)

    @Test(arguments: [
        ("0", "1700000030", 30_000), (" 0 ", " 1700000030 ", 30_000), ("-1", "1700000030", 30_000), ("0", "12", 12_000),
        ("0", "1900000000", 86_400_000), ("0", "9223372036854775807", 86_400_000),
    ])
    func `a used up quota holds until its reset, a day at most`(remaining: String, reset: String, milliseconds: Int64) {
        let reply = HTTPReply(status: 200, headers: ["x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset])
        let outcome = OutcomeClassifier().classify(reply, now: now)
        #expect(outcome.outcome == .delivered)
        #expect(outcome.quotaResetsAt == now + .milliseconds(milliseconds))
    }

    @Test(arguments: [
        ["x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000030"], ["x-ratelimit-reset": "1700000030"],
        ["x-ratelimit-remaining": "0"], ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000000"],
        ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000"], ["x-ratelimit-remaining": "none", "x-ratelimit-reset": "12"],
        ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"], ["retry-after": "30"],
    ])
    func `headers that do not describe a used up quota give none`(headers: [String: String]) {
        #expect(OutcomeClassifier().classify(HTTPReply(status: 200, headers: headers), now: now).quotaResetsAt == nil)
    }
}

@Suite struct OutcomeClassifierTests {
    private let now = Instant(milliseconds: 1_000_000)

    @Test(arguments: [
        (200, OutcomeClass.delivered), (204, .delivered), (301, .park), (307, .park), (400, .dead), (401, .park), (403, .park),
        (404, .gone), (405, .dead), (408, .retry), (409, .dead), (422, .dead), (425, .retry), (429, .throttled), (500, .retry),
        (501, .retry), (502, .retry), (503, .retry), (504, .retry),
    ])
    func `every status code has its class`(status: Int, expected: OutcomeClass) {
        #expect(OutcomeClassifier().classify(HTTPReply(status: status), now: now).outcome == expected)
    }

    @Test func `a 503 with Retry-After throttles`() {
        let outcome = OutcomeClassifier().classify(HTTPReply(status: 503, headers: ["retry-after": "7"]), now: now)
        #expect(outcome.outcome == .throttled)
        #expect(outcome.notBefore == now + .seconds(7))
    }

    @Test func `the configuration can put a status code into another class`() {
        let classifier = OutcomeClassifier(overrides: [409: .delivered, 500: .dead])
        #expect(classifier.classify(HTTPReply(status: 409), now: now).outcome == .delivered)
        #expect(classifier.classify(HTTPReply(status: 500), now: now).outcome == .dead)
    }

    @Test(arguments: [
        (500, CallFate.unknown), (501, .notApplied), (502, .unknown), (503, .unknown), (504, .unknown), (505, .unknown), (507, .unknown),
        (520, .unknown), (599, .unknown), (400, .notApplied), (408, .notApplied), (409, .notApplied), (425, .notApplied),
        (429, .notApplied), (307, .notApplied),
    ])
    func `a 5xx leaves it unknown whether the call was applied, and a refusal does not`(status: Int, fate: CallFate) {
        #expect(OutcomeClassifier().classify(HTTPReply(status: status), now: now).fate == fate)
    }

    @Test(arguments: ["7", "0", "30s", "Thu, 01 Jan 1970 00:00:00 GMT"])
    func `a 503 with Retry-After was not applied, even if the time is zero`(value: String) {
        #expect(OutcomeClassifier().classify(HTTPReply(status: 503, headers: ["retry-after": value]), now: now).fate == .notApplied)
        #expect(OutcomeClassifier().classify(HTTPReply(status: 500, headers: ["retry-after": value]), now: now).fate == .unknown)
    }

    @Test func `a 503 with an invalid Retry-After leaves it unknown whether the call was applied`() {
        #expect(OutcomeClassifier().classify(HTTPReply(status: 503, headers: ["retry-after": "soon"]), now: now).fate == .unknown)
    }

    @Test(arguments: [
        ["x-ratelimit-reset": "30"], ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"],
        ["ratelimit": "limit=9, remaining=0, reset=30"],
        ["retry-after": "soon", "x-ratelimit-reset": "30"],
    ])
    func `a 503 whose quota alone names a time throttles, and leaves it unknown whether the call was applied`(headers: [String: String]) {
        let outcome = OutcomeClassifier().classify(HTTPReply(status: 503, headers: headers), now: now)
        #expect(outcome.outcome == .throttled)
        #expect(outcome.notBefore == now + .seconds(30))
        #expect(outcome.fate == .unknown && !outcome.isDeliberate)
        let both = OutcomeClassifier().classify(HTTPReply(status: 503, headers: headers.merging(["retry-after": "7"]) { $1 }), now: now)
        #expect(both.fate == .notApplied && both.isDeliberate)
    }

    @Test(arguments: [OutcomeClass.retry, .throttled, .park, .gone, .dead])
    func `a status code in another class still tells whether the call was applied`(outcome: OutcomeClass) {
        let classifier = OutcomeClassifier(overrides: [500: outcome, 501: outcome, 409: outcome])
        let classified = [500, 501, 409].map { classifier.classify(HTTPReply(status: $0), now: now) }
        #expect(classified.map(\.outcome) == [outcome, outcome, outcome])
        #expect(classified.map(\.fate) == [.unknown, .notApplied, .notApplied])
    }

    @Test(arguments: [
        (TransportFailure.Kind.connectionRefused, OutcomeClass.retry, CallFate.notApplied), (.connectTimeout, .retry, .notApplied),
        (.nameResolution, .park, .notApplied), (.tls, .park, .notApplied), (.connectionClosed, .retry, .unknown),
        (.timeout, .retry, .unknown), (.responseTooLarge, .retry, .unknown), (.invalidResponse, .retry, .unknown),
        (.cancelled, .interrupted, .unknown), (.other, .retry, .unknown), (.invalidRequest, .retry, .notApplied),
    ])
    func `every failure tells its class and if the call was applied`(kind: TransportFailure.Kind, outcome: OutcomeClass, fate: CallFate) {
        let classified = OutcomeClassifier().classify(TransportFailure(kind, detail: "x"))
        #expect(classified.outcome == outcome)
        #expect(classified.fate == fate)
    }

    @Test func `a call that was cancelled before it was written was not applied`() {
        let classified = OutcomeClassifier().classify(TransportFailure(.cancelled, detail: "x", wasWritten: false))
        #expect(classified.outcome == .interrupted)
        #expect(classified.fate == .notApplied)
    }
}
