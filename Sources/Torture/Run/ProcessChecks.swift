import Foundation
import Sandbox

/// What the ends and the logs of processes have to be, whatever happens to the remotes and to the processes.
struct ProcessChecks: Sendable {
    private(set) var failures: [String] = []
    /// Milliseconds from the start of a process until it was ready.
    private(set) var longestStart = 0

    /// Log lines that must not come.
    private static let alarming = [
        "service.stuck", "plan.stalled", "plan.put_aside", "store.problem", "store.unavailable", "store.replaced",
    ]

    /// - Parameters:
    ///   - codes: the exit codes that are right.
    ///   - expected: log lines that may come, although they are alarming otherwise.
    mutating func check(_ process: ProgramRun, expecting codes: Set<Int32>, allowing expected: Set<String> = []) {
        check(code: process.exitCode, log: process.log, at: process.logPath, expecting: codes, allowing: expected)
        if let ready = process.readyAfter { longestStart = max(longestStart, ready) }
    }

    /// - Parameter code: nil for a process that still runs.
    mutating func check(code: Int32?, log: String, at path: String, expecting codes: Set<Int32>, allowing expected: Set<String> = []) {
        if let code {
            if !codes.contains(code) { failures.append("exit code \(code): \(path): \(log.suffix(300))") }
        } else {
            failures.append("did not end: \(path): \(log.suffix(300))")
        }
        for event in Self.alarming where !expected.contains(event) && log.contains("\"event\":\"\(event)\"") {
            failures.append("\(event): \(path)")
        }
        if log.contains("Fatal error") { failures.append("a trap: \(path)") }
    }
}

extension ProgramRun {
    /// Milliseconds from the start of the process until it reported that it is ready; nil if it did not.
    var readyAfter: Int? {
        guard let time = events("service.ready").first?["ts"]?.string,
            let date = try? Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        else { return nil }
        return Int(date.timeIntervalSince1970 * 1000) - startedAt
    }

    /// The log lines of an event.
    func events(_ name: String) -> [SandboxJSON] {
        // A line that a kill has cut is not one.
        log.split(separator: "\n").filter { $0.contains("\"event\":\"\(name)\"") }.compactMap { try? SandboxJSON(text: String($0)) }
    }
}
