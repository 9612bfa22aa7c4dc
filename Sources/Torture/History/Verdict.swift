/// Whether a history keeps what the program promises: nothing lost, nothing out of order, repeats only of calls in flight at a kill and with the
/// same idempotency key, nothing at a remote that nobody wanted, the application's rows unchanged.
package struct Verdict: Sendable {
    package enum Promise: String, Sendable, CaseIterable {
        case lost
        case outOfOrder = "out of order"
        case repeated = "repeated without a kill"
        case unwanted
        case overlapping = "two calls at once"
        case changedRow = "an application's row changed"
        case database = "the database is damaged"
        case unfinished
        case notQuiet = "calls at rest"
        case process = "a process failed"
        case delayed = "the application waited too long"
    }

    package struct Violation: Sendable {
        package let promise: Promise
        package let evidence: String
    }

    /// After which an application that waits as long as most libraries' defaults is refused the write lock.
    private static let patience = Duration.seconds(5)

    package private(set) var violations: [Violation] = []
    /// Calls that were made again after their acknowledgement, and those in flight at a kill, which may be.
    package internal(set) var repeats = 0
    package internal(set) var mayRepeat = 0
    let phases: [Kill.Phase: Int]

    package init(_ history: History) {
        let inFlight = history.kills.map { $0.inFlight(history.calls) }
        phases = zip(history.kills, inFlight).reduce(into: [:]) { $0[$1.0.phase($1.1), default: 0] += 1 }
        checkOrder(history)
        checkMessages(history)
        checkRepeats(history, inFlight)
        checkNumbers(history, inFlight)
        checkOverlaps(history)
        checkRemotes(history)
        checkTables(history)
        for failure in history.failures { fail(.process, failure) }
        if history.journal.longestTransaction > Verdict.patience {
            fail(.delayed, "a transaction of the application took \(history.journal.longestMilliseconds) ms")
        }
        if history.callsAtRest > 0 { fail(.notQuiet, "\(history.callsAtRest) calls although nothing had changed") }
    }

    mutating func fail(_ promise: Promise, _ evidence: String) {
        violations.append(Violation(promise: promise, evidence: evidence))
    }

    package func count(_ promise: Promise) -> Int { violations.count { $0.promise == promise } }
}

/// A conversation at a remote.
struct Place: Hashable, CustomStringConvertible {
    let remote: String
    let conversation: String

    init(_ call: Call) { (remote, conversation) = (call.remote, call.conversation) }

    init(_ remote: String, _ conversation: String) { (self.remote, self.conversation) = (remote, conversation) }

    var description: String { "\(conversation) at \(remote)" }
}
