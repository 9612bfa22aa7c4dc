import SyncCore
import Testing

/// The forms in which servers write headers that say when to come back, and what is made of invalid ones.
@Suite struct RetryHintFormTests {
    /// 2024-11-26T19:40:00Z.
    private let now = Instant(milliseconds: 1_732_650_000_000)

    private func hints(_ headers: [String: String], cap: Duration = .days(1)) -> RetryHints {
        RetryHints(headers: headers, now: now, cap: cap)
    }

    private func wait(_ headers: [String: String]) -> Int64? { hints(headers).notBefore.map { ($0 - now).milliseconds } }

    @Test(arguments: [
        ("2, 4", 4000), ("4, 2", 4000), ("4,2,soon", 4000), ("0, 7", 7000), ("Tue, 26 Nov 2024 19:40:30 GMT, 5", 30_000),
        ("5, Tue, 26 Nov 2024 19:40:30 GMT", 30_000), ("Tue, 26 Nov 2024 19:40:30 GMT, Tue, 26 Nov 2024 19:40:40 GMT", 40_000),
        ("Tuesday, 26-Nov-24 19:40:30 GMT, 90", 90_000), ("Tue Nov 26 19:40:30 2024, 1", 30_000), ("2024-11-26T19:40:09Z, 3s", 9000),
    ])
    func `of several values of Retry-After the latest counts`(value: String, milliseconds: Int64) {
        #expect(wait(["retry-after": value]) == milliseconds)
    }

    @Test(arguments: [
        ("30s", 30_000), ("30 s", 30_000), ("2 minutes", 120_000), ("1 minute", 60_000), ("1500ms", 1500), ("1500 ms", 1500),
        ("1h", 3_600_000),
        ("1m30s", 90_000), ("6m0s", 360_000), ("30 seconds", 30_000), ("30SEC", 30_000), ("1.5s", 1500), ("1.5e1", 15_000),
        ("2024-11-26T19:40:12Z", 12_000), ("2024-11-26T19:40:12.5Z", 12_500), ("2024-11-26T20:40:12+01:00", 12_000),
        ("2024-11-26T14:40:12-0500", 12_000), ("2024-11-26 19:40:12", 12_000), ("2024-11-26 19:40:12 UTC", 12_000),
        ("1732650012", 12_000), ("1732650012.25", 12_250), ("1732650012000", 12_000), ("1732650012000000", 12_000),
        ("1732650012000000000", 12_000),
    ])
    func `different forms of one time are the same time`(value: String, milliseconds: Int64) {
        #expect(wait(["retry-after": value]) == milliseconds)
        #expect(wait(["x-ratelimit-remaining": "0", "x-ratelimit-reset": value]) == milliseconds)
    }

    @Test(arguments: [
        "-5", "-1732650012", "nan", "inf", "-inf", "infinity", "0x10", "1e400", "99999999999999999999999", "soon", "", ",", "s",
        "10 parsecs",
        "2024-13-40T99:99:99Z", "2024-11-26T", "1970-01-01T00:00:00Z", "--", "1-2-3", "1..5", "1s2",
    ])
    func `a value that is in the past or invalid does not pause the remote`(value: String) {
        #expect(wait(["retry-after": value]) == nil)
        #expect(wait(["x-ratelimit-remaining": "0", "x-ratelimit-reset": value]) == nil)
        #expect(hints(["x-ratelimit-remaining": "0", "x-ratelimit-reset": value]).quotaResetsAt == nil)
    }

    @Test func `a Retry-After that cannot be read is reported`() {
        #expect(hints(["retry-after": "soon"]).note?.contains("not understood") == true)
        #expect(hints(["retry-after": "soon"]).note?.contains("soon") == false, "a header's text may hold anything")
        #expect(hints(["retry-after": "5"]).note == nil)
        #expect(hints(["retry-after": "0"]).note == nil)
        #expect(hints([:]).note == nil)
    }

    @Test(arguments: ["900000000", "4102444800", "4102444800000", "9999-12-31T23:59:59Z", "400 days"])
    func `an absurdly long wait is cut to the longest one, and that is reported`(value: String) {
        for headers in [["retry-after": value], ["x-ratelimit-remaining": "0", "x-ratelimit-reset": value]] {
            let hints = hints(headers)
            #expect(hints.notBefore == now + .days(1))
            #expect(hints.note?.contains("cut to 1d") == true)
        }
        let outcome = OutcomeClassifier().classify(HTTPReply(status: 429, headers: ["retry-after": value]), now: now)
        #expect(outcome.waitNote?.contains("cut to 1d") == true)
    }

    @Test(arguments: ["x-ratelimit", "x-rate-limit", "ratelimit"])
    func `every family of quota headers is read`(family: String) {
        let hints = hints(["\(family)-remaining": "0", "\(family)-reset": "30"])
        #expect(hints.notBefore == now + .seconds(30))
        #expect(hints.quotaResetsAt == now + .seconds(30))
        #expect(self.hints(["\(family)-remaining": "3", "\(family)-reset": "30"]).notBefore == nil)
    }

    @Test(arguments: [
        ("limit=100, remaining=0, reset=30", 30), ("limit=100,remaining=0,reset=30", 30), ("\"default\";r=0;t=30", 30),
        ("\"burst\";r=0;t=10, \"daily\";r=0;t=3600", 3600), ("\"burst\";r=0;t=10, \"daily\";r=9;t=3600", 10),
        ("\"a,b;r=5\";r=0;t=30", 30), ("limit=9, remaining=0, reset=7, limit=99, remaining=5, reset=60", 7), ("default;r=0;t=30", 30),
    ])
    func `both forms of the draft's RateLimit are read`(value: String, seconds: Int64) {
        #expect(hints(["ratelimit": value]).quotaResetsAt == now + .seconds(seconds))
        #expect(hints(["ratelimit": value]).notBefore == now + .seconds(seconds))
    }

    @Test(arguments: [
        "limit=100, remaining=1, reset=30", "\"default\";r=1;t=30", "\"default\";r=0", "\"default\"", "", ";;,,==", "r=0;t=-5",
    ])
    func `a RateLimit that has calls left or is invalid does not pause the remote`(value: String) {
        #expect(hints(["ratelimit": value]) == hints([:]))
    }

    @Test func `of repeated quota headers the latest reset of a used up limit counts`() {
        let reset = "1732650010, 1732650060"
        #expect(hints(["x-ratelimit-remaining": "0, 0", "x-ratelimit-reset": reset]).quotaResetsAt == now + .seconds(60))
        #expect(hints(["x-ratelimit-remaining": "0, 5", "x-ratelimit-reset": reset]).quotaResetsAt == now + .seconds(10))
        #expect(hints(["x-ratelimit-remaining": "0", "x-ratelimit-reset": reset]).quotaResetsAt == now + .seconds(60))
        #expect(hints(["x-ratelimit-remaining": "5, 5", "x-ratelimit-reset": reset]).quotaResetsAt == nil)
        #expect(hints(["x-ratelimit-remaining": "0", "ratelimit-reset": "30"]).quotaResetsAt == now + .seconds(30))
    }

    @Test func `dates are read by the clock of the remote that wrote them`() {
        let ahead = "Tue, 26 Nov 2024 20:40:00 GMT"
        for value in ["Tue, 26 Nov 2024 20:40:30 GMT", "2024-11-26T20:40:30Z", "1732653630", "1732653630000"] {
            #expect(wait(["retry-after": value, "date": ahead]) == 30_000, "\(value)")
        }
        let behind = "Tue, 26 Nov 2024 18:40:00 GMT"
        #expect(wait(["retry-after": "Tue, 26 Nov 2024 18:40:30 GMT", "date": behind]) == 30_000)
        #expect(wait(["retry-after": "30", "date": ahead]) == 30_000, "a span needs no clock")
        #expect(wait(["retry-after": "Tue, 26 Nov 2024 20:39:00 GMT", "date": ahead]) == nil)
        #expect(wait(["retry-after": "Tue, 26 Nov 2024 19:40:30 GMT", "date": "yesterday"]) == 30_000)
        #expect(
            wait(["retry-after": "Tue, 26 Nov 2024 19:40:30 GMT", "date": "Tue, 26 Nov 2024 19:39:59 GMT"]) == 30_000,
            "a second is the resolution of Date, and no difference of clocks")
    }
}
