/// The time of one event.
package struct Now: Sendable, Equatable {
    /// The wall-clock time, which may be set. Only stored, sent and shown.
    package var wall: Instant
    /// Time since some point before the process began; not affected when the wall clock is set. Waits in memory use it.
    package var uptime: Duration

    package init(wall: Instant, uptime: Duration) {
        self.wall = wall
        self.uptime = uptime
    }
}
