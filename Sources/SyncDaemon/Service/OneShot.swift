import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore
import UnixSignals

/// `convosync sync`: attempts what is due once, or repeatedly until a deadline, and ends when its calls have ended. Safe beside a running daemon,
/// because claims are leases in the database.
package struct OneShot: Sendable {
    package struct Outcome: Sendable, Equatable {
        package var runs = 0
        package var counts = RunCounts()
        /// Rows that wait for another attempt.
        package var waiting = 0
        package var held = 0
        /// Changes and messages that are not planned yet, because the run was stopped, or because they were made while it ended.
        package var unplanned = 0
        package var nextDue: Instant?
        package var error: String?
    }

    private let configuration: Configuration
    private let log: EventLog

    package init(configuration: Configuration, log: EventLog) {
        self.configuration = configuration
        self.log = log
    }

    /// - Parameter progress: called about twice a second with a line for people.
    /// - Throws: `StoreError` if the database cannot be used, a ``ConfigurationError`` for credentials.
    package func run(drain: Duration?, progress: @escaping @Sendable (String) -> Void) async throws -> Outcome {
        let store = try Store(path: configuration.databasePath, access: .migrating)
        log.writeMigration(of: store)
        store.whenLost { [log] in log.write(StoreLossEvent.event($0, path: configuration.databasePath)) }
        let deadline = drain.map { SystemClock.uptime() + $0 }
        let owner = try await EngineOwner.start(configuration, .init(store: store, log: log))
        let interrupted = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                return await owner.stop(within: configuration.schedule.shutdownTimeout)
            }
        }
        let shown = show(progress, store: store, owner: owner)
        try await configuration.repair(store, now: SystemClock.now())
        owner.begin()
        let summary = await owner.drain(until: deadline)
        shown.cancel()
        await owner.stop(within: await timeToStop(owner, summary))
        interrupted.cancel()
        let remainder = try await store.remainder(of: configuration.remotes.map(\.participation))
        return Outcome(
            runs: summary?.runs ?? 0, counts: summary?.counts ?? RunCounts(), waiting: remainder.waiting, held: remainder.held,
            unplanned: remainder.unplanned,
            // The engine does not look again for rows that fell due after they had been attempted.
            nextDue: summary?.nextDue ?? remainder.dueAt, error: summary?.error)
    }

    /// How long the stop may take. A drain that has given up on the database leaves its calls in flight, and they may end; without any, nothing is
    /// waited for.
    private func timeToStop(_ owner: EngineOwner, _ summary: Engine.DrainSummary?) async -> Duration {
        guard summary?.error != nil else { return configuration.schedule.shutdownTimeout }
        return await owner.health().inFlight > 0 ? configuration.schedule.shutdownTimeout : .zero
    }

    /// Shows the rate over the last few seconds, and the time that the rest takes at this rate.
    private func show(_ progress: @escaping @Sendable (String) -> Void, store: Store, owner: EngineOwner) -> IntervalTimer {
        let rate = DeliveryRate()
        return IntervalTimer(every: .milliseconds(500), label: "convosync.progress") {
            let left: Int
            do {
                left = try await store.remainder(of: configuration.remotes.map(\.participation), countsUnplanned: false).waiting
            } catch {
                // The engine reports a failing database.
                return
            }
            let delivered = await owner.health().delivered
            progress(await rate.line(delivered: delivered, left: left, at: SystemClock.uptime()))
        }
    }
}

/// The number of rows delivered per second, over the last few seconds.
private actor DeliveryRate {
    private var samples: [(at: Duration, delivered: Int)] = [(SystemClock.uptime(), 0)]

    func line(delivered: Int, left: Int, at now: Duration) -> String {
        samples.append((now, delivered))
        if samples.count > 10 { samples.removeFirst() }
        let rate = Double(delivered - samples[0].delivered) / max((now - samples[0].at).seconds, 0.001)
        let remaining = rate >= 1 ? ", about \(Int(Double(left) / rate) + 1) s left" : ""
        return "\(delivered) delivered, \(left) waiting, \(Int(rate)) calls/s\(remaining)"
    }
}

extension Configuration {
    /// Repairs rows that another program or a changed clock has made unreachable. Examines every pending row.
    func repair(_ store: Store, now: Instant) async throws(StoreError) {
        try await store.repair(now: now, farthestDue: max(retry.maximumAge, .days(1)))
    }
}
