/// The time of one event.
package struct Now: Sendable, Equatable {
    /// What people and databases call the time; it may be set. Only stored, sent and shown.
    package var wall: Instant
    /// Since some moment before the process began; runs on however the wall clock is set. What is waited for in memory goes by it.
    package var uptime: Duration

    package init(wall: Instant, uptime: Duration) {
        self.wall = wall
        self.uptime = uptime
    }
}
