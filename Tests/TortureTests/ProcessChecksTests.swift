import Testing

@testable import Torture

/// What the end and the log of a process say about it.
@Suite struct ProcessChecksTests {
    private func failures(code: Int32?, log: String = "", expecting codes: Set<Int32> = [0], allowing: Set<String> = []) -> [String] {
        var checks = ProcessChecks()
        checks.check(code: code, log: log, at: "run.log", expecting: codes, allowing: allowing)
        return checks.failures
    }

    @Test func `a process has to end with one of the exit codes that are right`() {
        #expect(failures(code: 0) == [])
        #expect(failures(code: 75, expecting: [0, 75]) == [])
        #expect(failures(code: 1, log: "why") == ["exit code 1: run.log: why"])
        #expect(failures(code: 0, expecting: [137]) == ["exit code 0: run.log: "])
    }

    @Test(arguments: [[0], [137], [0, 65, 75]] as [Set<Int32>])
    func `a process that has not ended is not one that ended with 0`(codes: Set<Int32>) {
        #expect(failures(code: nil, expecting: codes) == ["did not end: run.log: "])
    }

    @Test func `a log line that must not come is a failure, unless it is allowed`() {
        let log = #"{"ts":"2026-01-01T00:00:00.000Z","event":"store.unavailable"}"#
        #expect(failures(code: 0, log: log) == ["store.unavailable: run.log"])
        #expect(failures(code: 0, log: log, allowing: ["store.unavailable"]) == [])
        #expect(failures(code: 0, log: #"{"event":"store.available"}"#) == [])
        #expect(failures(code: 0, log: "Fatal error: index out of range") == ["a trap: run.log"])
    }
}
