import SyncCore

/// The two clocks of the engine.
///
/// What is waited for goes by the steady one, which begins with the wall clock's time and then runs on with the uptime. What is stored,
/// sent and shown goes by the wall clock. They differ by an offset, which changes when the wall clock was set.
///
/// | the wall clock deviates by | next                                                                         |
/// |----------------------------|------------------------------------------------------------------------------|
/// | less than ``smallestStep`` | the offset follows                                                           |
/// | more                       | the offset follows, and what is stored as a time to wait for has to be moved |
struct EngineClock: Sendable {
    static let smallestStep = Duration.seconds(2)

    private let origin: Now
    /// What has to be added to a steady moment.
    private(set) var offset = Duration.zero

    init(_ now: Now) {
        origin = now
    }

    /// - Returns: the moment by both clocks, and by how much the wall clock was set since the last time.
    mutating func read(_ now: Now) -> (time: EventTime, step: Duration?) {
        let steady = origin.wall + (now.uptime - origin.uptime)
        let deviation = now.wall - (steady + offset)
        let size = max(deviation, .zero - deviation)
        offset += deviation
        return (EventTime(steady: steady, offset: offset), size > EngineClock.smallestStep ? deviation : nil)
    }

    func uptime(of steady: Instant) -> Duration { origin.uptime + (steady - origin.wall) }
}

/// When an event came, by both clocks.
struct EventTime: Sendable, Equatable {
    let steady: Instant
    let offset: Duration

    /// As it is stored, sent and shown.
    var wall: Instant { steady + offset }

    func wall(of steady: Instant) -> Instant { steady + offset }

    func steady(of wall: Instant) -> Instant { wall - offset }
}
