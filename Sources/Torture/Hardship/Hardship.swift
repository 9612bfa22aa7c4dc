import Foundation

/// Something that goes wrong around the running program, with what is expected of it: the log says what is wrong, nothing is lost, and it
/// goes on by itself when the cause is gone.
package struct Hardship: Sendable {
    package let name: String
    package let summary: String
    /// Why it cannot be tried here; nil if it can.
    let obstacle: @Sendable () -> String?
    let trial: @Sendable (_ folder: String) async throws -> Trial

    package static let all = [diskFull, readOnlyStart, readOnlyWhileRunning, clockSetBack, mischievousRemotes]

    package enum Outcome: Sendable {
        case passed([String])
        case failed([String])
        case skipped(String)
    }

    /// - Parameter folder: is created, and removed if the hardship was passed.
    package func run(in folder: String) async throws -> Outcome {
        if let obstacle = obstacle() { return .skipped(obstacle) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let trial = try await trial(folder)
        guard trial.problems.isEmpty else { return .failed(trial.problems.prefix(20) + ["the files are in \(folder)"]) }
        try FileManager.default.removeItem(atPath: folder)
        return .passed(trial.notes)
    }

    static let needsRoot: @Sendable () -> String? = { getuid() == 0 ? nil : "only root can mount" }
}

/// What was found while a hardship was tried.
struct Trial: Sendable {
    private(set) var problems: [String] = []
    /// Figures that are worth being printed.
    var notes: [String] = []

    mutating func expect(_ condition: Bool, _ promise: String) {
        if !condition { problems.append("not so: \(promise)") }
    }

    /// Everything has arrived once, nothing was lost, and the process ended as expected.
    mutating func expect(_ history: History, _ checks: ProcessChecks) {
        for violation in Verdict(history).violations { problems.append("\(violation.promise.rawValue): \(violation.evidence)") }
        problems += checks.failures
    }

    /// - Parameter text: has to be in the error of the first event of this name; it tells the operator what is wrong.
    mutating func expect(_ event: String, in process: ProgramRun, saying text: String) {
        let first = process.events(event).first
        expect(first != nil, "\(event) is in the log")
        let error = first?["error"]?.string ?? ""
        if first != nil { expect(error.contains(text), "\(event) says `\(text)`; it says `\(error)`") }
    }
}
