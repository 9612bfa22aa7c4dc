/// The time of one event.
package struct Now: Sendable, Equatable {
    /// The clock is corrected all the time by less than this; by more it is set.
    package static let smallestClockStep = Duration.seconds(2)

    /// The wall-clock time, which may be set. Only stored, sent and shown.
    package var wall: Instant
    /// Time since some point before the process began; not affected when the wall clock is set. Waits in memory use it.
    package var uptime: Duration

    package init(wall: Instant, uptime: Duration) {
        self.wall = wall
        self.uptime = uptime
    }
}
