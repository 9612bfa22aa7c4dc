import Glibc

/// Slowness that is simulated: of a server, a disk, an application or a writing client.
///
/// A test does not wait with it for something to happen, or not to happen. For that it waits for an event, a count or a log line.
package enum Delay {
    /// Blocks the thread, which has to be one of the test's own.
    package static func blocking(for span: Duration) {
        let (seconds, attoseconds) = span.components
        var request = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var rest = timespec()
        while nanosleep(&request, &rest) != 0, errno == EINTR { request = rest }
    }
}
