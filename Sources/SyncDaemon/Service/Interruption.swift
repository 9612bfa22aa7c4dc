import UnixSignals

/// Waiting for somebody to end a command that goes on by itself.
package enum Interruption {
    /// Returns at Ctrl-C, SIGTERM, or when the terminal goes away; also when the task is cancelled.
    package static func wait() async {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup) { return }
    }
}
