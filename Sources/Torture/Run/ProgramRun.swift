import Fixtures
import Foundation

/// One run of the program, whose output is appended to a file.
final class ProgramRun: Sendable {
    /// Milliseconds since 1970.
    let startedAt: Int
    let logPath: String
    private let child: ChildProcess
    private let exit = Watched<Int32?>(nil)

    /// - Parameters:
    ///   - path: the program; by default `convosync`.
    ///   - environment: besides what every process gets.
    init(_ arguments: [String], path: String = BuiltProgram.path, environment: [String: String] = [:], logPath: String) throws {
        startedAt = .now
        self.logPath = logPath
        child = try ChildProcess.start(
            path, arguments, environment: BuiltProgram.environment.merging(environment) { _, given in given }, logPath: logPath)
        let (child, exit) = (child, exit)
        Thread.detachNewThread {
            child.waitForEnd()
            // Collected under the lock: a signal can never reach another process with the same number.
            exit.change { $0 = child.collect() }
        }
    }

    var pid: pid_t { child.pid }
    var exitCode: Int32? { exit.value }

    func send(_ signal: Int32) {
        let child = child
        exit.change { if $0 == nil { kill(child.pid, signal) } }
    }

    /// - Returns: the exit code; nil if the process has not ended by then.
    func end(within timeout: Duration = patience) async -> Int32? { await exit.wait(for: timeout) { $0 } }

    /// - Returns: whether the process was still running.
    @discardableResult
    func killAndWait() async -> Bool {
        send(SIGKILL)
        return await end() == 128 + SIGKILL
    }

    /// The lines of the log so far.
    var log: String {
        // The file is there since the start, and in a folder of our own.
        String(decoding: (try? Data(contentsOf: URL(filePath: logPath))) ?? Data(), as: UTF8.self)
    }

    /// Waits until an event is in the log.
    /// - Returns: false when the process has ended without it, or the time is over.
    func reports(_ event: String, within timeout: Duration = patience) async throws -> Bool {
        let deadline = ContinuousClock.now + timeout
        while true {
            let hasEnded = exitCode != nil
            if log.contains("\"event\":\"\(event)\"") { return true }
            guard !hasEnded, ContinuousClock.now < deadline else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension Int {
    /// Milliseconds since 1970, as the sandbox counts them.
    static var now: Int { Int((Date().timeIntervalSince1970 * 1000).rounded(.down)) }
}
