import UnixSignals

/// Waits until a command that runs continuously is ended.
package enum Interruption {
    /// Returns on Ctrl-C, on SIGTERM or when the terminal is closed, and when the task is cancelled.
    package static func wait() async {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup) { return }
    }
}
