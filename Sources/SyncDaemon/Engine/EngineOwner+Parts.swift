import NIOCore
import NIOPosix
import SyncCore
import SyncEngine
import SyncHTTP
import SyncStore

extension EngineOwner {
    /// The only event loop of the service, for its engine and its connections.
    package static let standardLoop: any EventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()

    /// The dependencies of the engine. Tests use their own transport, clock and random numbers.
    package struct Parts: Sendable {
        package var store: Store
        package var log: EventLog
        package var tally = DeliveryTally()
        /// The seed of the engine's random numbers.
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
    /// The settings that concern the engine.
    var engineSettings: Engine.Settings {
        Engine.Settings(
            interval: schedule.interval, debounce: schedule.debounce, stall: schedule.stall, retry: retry, brake: brake,
            retention: retention)
    }
}
