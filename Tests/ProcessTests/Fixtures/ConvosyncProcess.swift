import Fixtures
import Foundation
import Sandbox

/// One run of the real program: its output, its log events, its end.
final class ConvosyncProcess: Sendable {
    static let patience = Fixtures.patience

    static let path = BuiltProgram.path
    static let environment = BuiltProgram.environment

    struct Progress: Sendable {
        fileprivate(set) var output: [UInt8] = []
        fileprivate(set) var errorOutput: [UInt8] = []
        /// The log lines on standard output, parsed.
        fileprivate(set) var events: [SandboxJSON] = []
        fileprivate(set) var exitCode: Int32?
        private var scanned = 0

        fileprivate mutating func take(isError: Bool, _ bytes: ArraySlice<UInt8>) {
            guard !isError else { return errorOutput += bytes }
            output += bytes
            while let end = output[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = output[scanned..<end]
                scanned = end + 1
                guard line.first == UInt8(ascii: "{"), let event = try? SandboxJSON(text: String(decoding: line, as: UTF8.self)) else {
                    continue
                }
                if event["event"] != nil { events.append(event) }
            }
        }
    }

    /// A run that has ended.
    struct Result: Sendable {
        let exitCode: Int32
        let output: String
        let errorOutput: String

        var json: SandboxJSON { get throws { try SandboxJSON(text: output) } }
    }

    private let child: ChildProcess
    private let progress = Watched(Progress())

    /// - Parameter program: a program other than convosync.
    init(_ program: String = path, _ arguments: [String], environment: [String: String]) throws {
        child = try ChildProcess.start(program, arguments, environment: environment)
        let (child, progress) = (child, progress)
        Thread.detachNewThread {
            child.readOutput { isError, bytes in progress.change { $0.take(isError: isError, bytes) } }
            child.waitForEnd()
            // Collected under the lock: a signal can never reach another process with the same number.
            progress.change { $0.exitCode = child.collect() }
        }
    }

    var pid: pid_t { child.pid }
    var hasEnded: Bool { progress.value.exitCode != nil }
    var events: [SandboxJSON] { progress.value.events }
    var output: String { String(decoding: progress.value.output, as: UTF8.self) }
    var errorOutput: String { String(decoding: progress.value.errorOutput, as: UTF8.self) }

    func send(_ signal: Int32) {
        let child = child
        progress.change { if $0.exitCode == nil { kill(child.pid, signal) } }
    }

    /// Waits for the end; kills the program and fails when that takes too long.
    func end(within timeout: Duration = patience) async throws -> Result {
        guard let code = await progress.wait(for: timeout, until: \.exitCode) else {
            await killAndWait()
            throw HarnessError("the program did not end within \(timeout.components.seconds) s; its log ends with:\n\(tail)")
        }
        return Result(exitCode: code, output: output, errorOutput: errorOutput)
    }

    func killAndWait() async {
        send(SIGKILL)
        _ = await progress.wait(for: Self.patience, until: \.exitCode)
    }

    /// The first log event with that name from position `start` on that satisfies the condition.
    @discardableResult
    func event(
        _ name: String, from start: Int = 0, within timeout: Duration = patience,
        where condition: @escaping @Sendable (SandboxJSON) -> Bool = { _ in true }
    ) async throws -> SandboxJSON {
        let found = await progress.wait(for: timeout) { progress -> SandboxJSON?? in
            let event = progress.events.dropFirst(start).first { $0["event"]?.string == name && condition($0) }
            // An ended program writes nothing more.
            return event.map(Optional.some) ?? (progress.exitCode == nil ? nil : .some(nil))
        }
        guard let event = found ?? nil else { throw HarnessError("no event \(name) came; the log ends with:\n\(tail)") }
        return event
    }

    private var tail: String {
        (output + errorOutput).split(separator: "\n").suffix(25).joined(separator: "\n")
    }
}
