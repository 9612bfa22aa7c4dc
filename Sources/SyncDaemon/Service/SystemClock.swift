import Glibc
import SyncCore

/// The one place that reads the clocks.
package enum SystemClock {
    /// The wall clock.
    package static let now: @Sendable () -> Instant = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Since the machine was started, including the time for which it slept.
    package static let uptime: @Sendable () -> Duration = {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Both.
    package static let time: @Sendable () -> Now = { Now(wall: now(), uptime: uptime()) }
}
