import SyncCore

/// The two clocks of the engine.
///
/// Waits use the steady clock, which begins with the wall clock's time and then runs on with the uptime. Times that are stored, sent or
/// shown use the wall clock. The two differ by an offset, which changes when the wall clock is set.
///
/// | the wall clock deviates by | next                                                                         |
/// |----------------------------|------------------------------------------------------------------------------|
/// | at most ``Now/smallestClockStep`` | the offset follows                                                    |
/// | more                       | the offset follows, and stored times that something waits for must be shifted |
struct EngineClock: Sendable {
    private let origin: Now
    /// What is added to a steady time to get the wall time.
    private(set) var offset = Duration.zero

    init(_ now: Now) {
        origin = now
    }

    /// - Returns: the time by both clocks, and by how much the wall clock was set since the last call.
    mutating func read(_ now: Now) -> (time: EventTime, step: Duration?) {
        let steady = origin.wall + (now.uptime - origin.uptime)
        let deviation = now.wall - (steady + offset)
        let size = max(deviation, .zero - deviation)
        offset += deviation
        return (EventTime(steady: steady, offset: offset), size > Now.smallestClockStep ? deviation : nil)
    }

    func uptime(of steady: Instant) -> Duration { origin.uptime + (steady - origin.wall) }
}

/// The time of an event, by both clocks.
struct EventTime: Sendable, Equatable {
    let steady: Instant
    let offset: Duration

    /// The time to store, send and show.
    var wall: Instant { steady + offset }

    func wall(of steady: Instant) -> Instant { steady + offset }

    func steady(of wall: Instant) -> Instant { wall - offset }
}
