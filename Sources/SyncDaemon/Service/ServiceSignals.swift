import Glibc
import UnixSignals

/// The signals of the service. They are caught as soon as this value exists: signals that arrive before the service is ready are kept and handled
/// then.
package struct ServiceSignals: Sendable {
    let all: UnixSignalsSequence

    package init() async {
        // A log reader that goes away must not end the process.
        signal(SIGPIPE, SIG_IGN)
        all = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    }
}
