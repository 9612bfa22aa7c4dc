/// A run's result as text.
package struct TortureReport {
    package let text: String
    package let isClean: Bool

    package init(_ result: TortureRun.Result, seed: UInt64) {
        let (history, verdict) = (result.history, Verdict(result.history))
        let moments = history.kills.reduce(into: [String: Int]()) { $0[$1.moment, default: 0] += 1 }
        let phases = Kill.Phase.allCases.compactMap { phase in verdict.phases[phase].map { "\($0) \(phase.rawValue)" } }
        var lines = [
            "seed            \(seed)",
            "kills           \(history.kills.count) (\(phases.joined(separator: ", ")))",
            "aimed at        \(moments.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))",
            "changes         \(history.journal.changeCount) of conversations, \(history.journal.messageCount) messages, "
                + "\(history.journal.acts.values.reduce(0, +)) by people at remotes",
            "requests        \(result.requests), \(history.calls.count) of them to change something",
            "repeated        \(verdict.repeats) after an acknowledgement; in flight at kills: \(verdict.mayRepeat)",
            "longest start   \(result.longestStart) ms until ready; until everything was delivered at the end: \(result.drain.components.seconds) s",
            "application     its longest transaction took \(history.journal.longestMilliseconds) ms, with the wait for the write lock",
        ]
        for promise in Verdict.Promise.allCases {
            lines.append(promise.rawValue.padded(to: 40) + "\(verdict.count(promise))")
        }
        lines.append("took            \(result.elapsed.components.seconds) s")
        for violation in verdict.violations.prefix(50) { lines.append("\(violation.promise.rawValue): \(violation.evidence)") }
        text = lines.joined(separator: "\n")
        isClean = verdict.violations.isEmpty
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(width - count, 1)) }
}
