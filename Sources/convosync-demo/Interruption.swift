import Dispatch
import Foundation
import Synchronization

/// The process id of the service while it runs.
final class ServiceProcess: Sendable {
    private let identifier = Mutex<pid_t?>(nil)

    func started(_ pid: pid_t) {
        identifier.withLock { $0 = pid }
    }

    func ended() {
        identifier.withLock { $0 = nil }
    }

    func kill() {
        identifier.withLock { pid in
            if let pid { _ = Foundation.kill(pid, SIGKILL) }
            pid = nil
        }
    }
}

/// Kills the service when the demo is interrupted: it is in a process group of its own, so Control-C does not reach it.
final class Interruption {
    private let sources: [any DispatchSourceSignal]

    init(of service: ServiceProcess) {
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            // The default action must be off before the source is activated, or the signal ends the process.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { @Sendable in
                service.kill()
                exit(128 + number)
            }
            source.activate()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
