import SyncCore
import Synchronization

/// The time of a simulation: it moves only when the simulation moves it.
struct VirtualClock {
    /// The time at which a simulation begins, by all clocks.
    static let start = Instant(milliseconds: 1_772_443_800_000)

    /// The time since the beginning; never goes back.
    private(set) var uptime = Duration.zero
    /// Shows ``uptime`` to other threads.
    let display = Display()
    /// The offset by which the wall clock of the machine was set.
    private(set) var offset = Duration.zero

    var now: Now { Now(wall: wall, uptime: uptime) }
    /// The wall clock of the machine that the service runs on.
    var wall: Instant { VirtualClock.start + uptime + offset }
    /// The correct time, which everybody else uses.
    var truth: Instant { VirtualClock.start + uptime }

    mutating func advance(to moment: Duration) {
        precondition(moment >= uptime, "time does not go back")
        uptime = moment
        display.show(moment)
    }

    mutating func set(by step: Duration) { offset += step }

    final class Display: Sendable {
        private let shown = Mutex(Duration.zero)

        var uptime: Duration { shown.withLock { $0 } }

        fileprivate func show(_ moment: Duration) { shown.withLock { $0 = moment } }
    }
}
