import NIOCore
import NIOPosix
import SyncCore
import SyncEngine
import SyncHTTP
import SyncStore

extension EngineOwner {
    /// The one loop of the service: its engine and its connections live there.
    package static let standardLoop: any EventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()

    /// What the engine is made of; tests put in their own transport, clock and random numbers.
    package struct Parts: Sendable {
        package var store: Store
        package var log: EventLog
        package var tally = DeliveryTally()
        /// Where the engine's random numbers come from.
        package var seed = UInt64.random(in: .min ... .max)
        package var now: @Sendable () -> Now = SystemClock.time
        package var loop = EngineOwner.standardLoop
        package var makeTransport: @Sendable (HTTPLimits, any EventLoop) -> any HTTPTransport = { NetworkTransport($0, on: $1) }
        /// Called on the loop when something has happened that the metrics file shows.
        package var onChange: @Sendable () -> Void = {}

        package init(store: Store, log: EventLog) {
            self.store = store
            self.log = log
        }
    }
}

extension Configuration {
    /// As far as the engine is concerned.
    var engineSettings: Engine.Settings {
        Engine.Settings(
            interval: schedule.interval, debounce: schedule.debounce, stall: schedule.stall, retry: retry, brake: brake,
            retention: retention)
    }
}
