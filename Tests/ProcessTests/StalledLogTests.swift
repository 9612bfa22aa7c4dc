import Fixtures
import Foundation
import Sandbox
import Testing

/// A log that is not read.
@Suite(.serialized) struct StalledLogTests {
    private static let conversations = 250

    /// Starts the daemon with outputs that are not read until `body` reads them.
    private func withUnread(_ scenario: ProgramScenario, _ body: (ChildProcess) async throws -> Void) async throws {
        let child = try ChildProcess.start(
            ConvosyncProcess.path, ["run", "--config", scenario.configurationPath],
            environment: ConvosyncProcess.environment)
        do {
            try await body(child)
        } catch {
            kill(child.pid, SIGKILL)
            child.waitForEnd()
            _ = child.collect()
            throw error
        }
    }

    private func hasEnded(_ child: ChildProcess) -> Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(child.pid), &information, WEXITED | WNOWAIT | WNOHANG) == 0 && information.si_signo != 0
    }

    @Test func `deliveries and their records continue, and a stop takes no longer than allowed`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...Self.conversations)
            try await withUnread(scenario) { child in
                #expect(try await scenario.remainingDifferences(within: .seconds(60)) == [])
                #expect(try await scenario.settle(), "every outcome is recorded")
                try await scenario.setTitle("still at work", of: "c1")
                try await scenario.request("vg", containing: "still at work")
                let stoppedAt = ContinuousClock.now
                kill(child.pid, SIGTERM)
                #expect(try await eventually { hasEnded(child) })
                // shutdown_timeout is 3 s.
                #expect(ContinuousClock.now - stoppedAt < .seconds(15))
                #expect(child.collect() == 0)
                child.closeOutput()
            }
        }
    }

    @Test func `when the log is read again every line is there or counted`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...Self.conversations)
            try await withUnread(scenario) { child in
                #expect(try await scenario.remainingDifferences(within: .seconds(60)) == [])
                #expect(try await scenario.settle())
                let calls = try await scenario.number("SELECT count(*) FROM outbox_attempts")
                kill(child.pid, SIGTERM)
                let output = await Task.detached {
                    var bytes: [UInt8] = []
                    child.readOutput { isError, part in if !isError { bytes += part } }
                    return String(decoding: bytes, as: UTF8.self)
                }.value
                child.waitForEnd()
                #expect(child.collect() == 0)
                let events = output.split(separator: "\n").compactMap { try? SandboxJSON(text: String($0)) }
                let dropped = events.filter { $0["event"] == "log.dropped" }.compactMap { $0["count"]?.integer }.reduce(0, +)
                let attempted = events.filter { $0["event"] == "delivery.attempted" }.count
                #expect(attempted == calls || (dropped > 0 && attempted + dropped >= calls))
                #expect(events.last?["event"] == "service.stopped")
            }
        }
    }
}
