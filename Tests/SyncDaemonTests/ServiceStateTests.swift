import Foundation
import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

/// Whether the service runs, from what it wrote down and what the system says of its process.
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

    @Test func `a process that is there runs, one that is gone does not`() {
        #expect(state(false)?.isRunning == true)
        #expect(state(true)?.isRunning == false)
        #expect(state(false, isStopped: true)?.isRunning == false, "the number may belong to another process by now")
        #expect(ServiceState(nil, now: start) == nil)
    }

    @Test func `a process that has ended and that nobody has waited for is gone`() throws {
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
        let deadline = ContinuousClock.now + .seconds(30)
        while try field(3) != "Z", ContinuousClock.now < deadline { usleep(1000) }
        #expect(ProcessIdentity.isGone(process))
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        #expect(ProcessIdentity.isGone(process))
    }

    @Test func `a process that is there and gives no sign of life is silent`() {
        #expect(state(false, after: .minutes(3))?.isSilent == false)
        #expect(state(false, after: .minutes(3) + .seconds(1))?.isSilent == true)
        #expect(state(true, after: .hours(1))?.isSilent == false)
    }

    @Test func `of a process in another container its sign of life is believed for three minutes`() {
        #expect(state(false, isVisible: false, after: .minutes(2))?.isRunning == true)
        #expect(state(false, isVisible: false, after: .minutes(4))?.isRunning == false)
        #expect(state(false, isVisible: false, after: .minutes(2), isStopped: true)?.isRunning == false)
    }
}
