import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon
@testable import SyncStore

/// The datagrams to systemd, byte by byte.
@Suite struct ServiceManagerTests {
    @Test(arguments: [nil, "@convosync-test-\(UUID().uuidString)"])
    func `states are sent as single datagrams, by path and by abstract name`(name: String?) throws {
        let manager = try DatagramReceiver(name)
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path])
        #expect(notifier.isListenedTo)
        #expect(notifier.watchdog == nil)
        notifier.ready()
        #expect(try manager.receiveText() == "READY=1")
        notifier.status("3 waiting\nsomething else")
        #expect(try manager.receiveText() == #"STATUS=3 waiting\nsomething else"#)
        notifier.alive()
        #expect(try manager.receiveText() == "WATCHDOG=1")
        notifier.stopping(within: .seconds(40))
        #expect(try manager.receiveText() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000")
    }

    @Test func `a reload contains its time by the clock that systemd compares with`() throws {
        let manager = try DatagramReceiver()
        ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path]).reloading()
        let lines = try manager.receiveText().split(separator: "\n")
        #expect(lines.first == "RELOADING=1")
        let microseconds = try #require(lines.last?.split(separator: "=").last.flatMap { Int64($0) })
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        #expect(microseconds <= now && microseconds > now - 60_000_000)
    }

    @Test(arguments: [
        ([:], nil), (["WATCHDOG_USEC": "60000000"], Duration.minutes(1)), (["WATCHDOG_USEC": "oops"], nil), (["WATCHDOG_USEC": "0"], nil),
        (["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"], nil),
        (["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "\(getpid())"], .minutes(1)),
    ])
    func `the watchdog is notified only if it is meant for this process`(environment: [String: String], expected: Duration?) {
        let socket = ["NOTIFY_SOCKET": "/nowhere/socket"]
        #expect(ServiceNotifier(environment: environment.merging(socket) { a, _ in a }).watchdog == expected)
        #expect(ServiceNotifier(environment: environment).watchdog == nil)
    }

    @Test(arguments: ["", "relative", "/", "@", "/" + String(repeating: "x", count: 200)])
    func `an invalid address is ignored`(path: String) {
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": path])
        #expect(!notifier.isListenedTo)
        notifier.ready()
    }

    @Test func `a message that the manager never takes is dropped after half a minute, and the next one is sent`() async {
        let backlog = ServiceNotifier.Backlog(pause: 0)
        let made = Mutex(0)
        backlog.add {
            made.withLock { count -> DatagramSocket.Result in
                count += 1
                // The test ends without the bound as well.
                return count > 1000 ? .sent : .full
            }
        }
        await withCheckedContinuation { (next: CheckedContinuation<Void, Never>) in
            backlog.add {
                next.resume()
                return .sent
            }
        }
        let attempts = made.withLock { $0 }
        #expect(attempts == 600)
        #expect(Duration.microseconds(Int(ServiceNotifier.Backlog.pause)) * attempts == .seconds(30))
    }

    @Test func `the status line contains waiting rows and what needs an operator`() {
        let now = Instant(milliseconds: 1_772_366_400_000)
        var remotes = ["fin", "helpdesk", "vg"].map(RemoteStatus.init(name:))
        #expect(StatusLine.text(.init(remotes: remotes, lastRun: nil, unplanned: 0), now: now) == "nothing waits")
        remotes[0].dead = 2
        remotes[1].gate.throttledUntil = now - .seconds(1)
        remotes[2].pending = 117
        remotes[2].inFlight = 3
        remotes[2].oldestPendingAt = (now - .seconds(252)).iso8601
        remotes[2].gate.parkedAt = now
        #expect(
            StatusLine.text(.init(remotes: remotes, lastRun: nil, unplanned: 5), now: now)
                == "125 waiting, oldest 4m12s; vg parked; 2 dead")
    }
}
