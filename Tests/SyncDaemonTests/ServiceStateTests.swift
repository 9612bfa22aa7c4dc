import Foundation
import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

/// Whether the service runs, from its stored sign of life and what the system says about its process.
@Suite struct ServiceStateTests {
    private let start = Instant(milliseconds: 1_772_366_400_000)

    private func state(
        _ isGone: Bool, isVisible: Bool = true, after silence: Duration = .seconds(30), isStopped: Bool = false
    ) -> ServiceState? {
        let process = ProcessIdentity(bootID: "boot", pidNamespace: "pid:[1]", pid: 4711, startedTicks: 9)
        var service = StoredService(process: process, version: "1.0", configurationPath: "/etc/convosync.toml", startedAt: start)
        if isStopped { service.stoppedAt = start.iso8601 }
        return ServiceState(service, now: start + silence, isGone: { _ in isGone }, isVisible: { _ in isVisible })
    }

    @Test func `an existing process runs, and one that has ended does not`() {
        #expect(state(false)?.isRunning == true)
        #expect(state(true)?.isRunning == false)
        #expect(state(false, isStopped: true)?.isRunning == false, "the number may belong to another process by now")
        #expect(ServiceState(nil, now: start) == nil)
    }

    @Test func `a process that has ended and was not waited for does not run`() throws {
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { for argument in arguments { free(argument) } }
        try #require(posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, nil) == 0)
        func field(_ number: Int) throws -> String {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            let fields = stat.drop { $0 != ")" }.split(separator: " ")
            return String(try #require(fields.dropFirst(number - 2).first))
        }
        var process = ProcessIdentity.current()
        (process.pid, process.startedTicks) = (Int64(pid), try #require(Int64(try field(22))))
        #expect(!ProcessIdentity.isGone(process))
        kill(pid, SIGKILL)
        // Returns when it has ended, and does not wait for it in the sense of wait(2).
        var ended = siginfo_t()
        #expect(waitid(P_PID, id_t(pid), &ended, WEXITED | WNOWAIT) == 0)
        #expect(try field(3) == "Z")
        #expect(ProcessIdentity.isGone(process))
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        #expect(ProcessIdentity.isGone(process))
    }

    @Test func `an existing process without a sign of life is silent`() {
        #expect(state(false, after: .minutes(3))?.isSilent == false)
        #expect(state(false, after: .minutes(3) + .seconds(1))?.isSilent == true)
        #expect(state(true, after: .hours(1))?.isSilent == false)
    }

    @Test func `the sign of life of a process in another container is valid for three minutes`() {
        #expect(state(false, isVisible: false, after: .minutes(2))?.isRunning == true)
        #expect(state(false, isVisible: false, after: .minutes(4))?.isRunning == false)
        #expect(state(false, isVisible: false, after: .minutes(2), isStopped: true)?.isRunning == false)
    }
}
