import Glibc
import UnixSignals

/// The signals of the service. They are caught from the moment on at which this exists: what comes before the service is ready is kept, and
/// acted upon then.
package struct ServiceSignals: Sendable {
    let all: UnixSignalsSequence

    package init() async {
        // A reader of the log that goes away must not end the process.
        signal(SIGPIPE, SIG_IGN)
        all = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    }
}
