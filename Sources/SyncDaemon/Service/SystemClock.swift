import Glibc
import SyncCore

/// Reads the clocks. Nothing else in the program does.
package enum SystemClock {
    /// The wall clock.
    package static let now: @Sendable () -> Instant = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The time since the machine started, including the time it was suspended.
    package static let uptime: @Sendable () -> Duration = {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Both clocks.
    package static let time: @Sendable () -> Now = { Now(wall: now(), uptime: uptime()) }
}
