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
        let (code, log) = (process.exitCode, process.log)
        if !codes.contains(code ?? 0) { failures.append("exit code \(code ?? 0): \(process.logPath): \(log.suffix(300))") }
        for event in Self.alarming where !expected.contains(event) && log.contains("\"event\":\"\(event)\"") {
            failures.append("\(event): \(process.logPath)")
        }
        if log.contains("Fatal error") { failures.append("a trap: \(process.logPath)") }
        if let ready = process.readyAfter { longestStart = max(longestStart, ready) }
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
