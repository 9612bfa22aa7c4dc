import SyncCore
import SyncSQLite
import SyncStore
import UnixSignals

/// `convosync sync`: one run, or as many as it takes to work through retries, then the end. Safe beside a running daemon: claims are
/// leases in the database.
package struct OneShot: Sendable {
    package struct Outcome: Sendable, Equatable {
        package var runs = 0
        package var counts = RunCounts()
        /// Rows that wait for another try.
        package var waiting = 0
        package var held = 0
        package var nextDue: Instant?
        package var error: String?
    }

    /// An application that writes all the time must not keep `sync` from ending.
    private static let maximumFollowUps = 5
    /// How long finished rows are pruned afterwards, at most.
    private static let housekeeping = Duration.seconds(2)
    /// How long an unusable database is waited for.
    private static let patience = Duration.seconds(15)

    private let configuration: Configuration
    private let log: EventLog
    private let now = SystemClock.now

    package init(configuration: Configuration, log: EventLog) {
        self.configuration = configuration
        self.log = log
    }

    /// - Parameter progress: called about twice a second with a line for people.
    /// - Throws: `StoreError` when the database cannot be used at all, a ``ConfigurationError`` for credentials.
    package func run(drain: Duration?, progress: @escaping @Sendable (String) -> Void) async throws -> Outcome {
        let store = try Store(path: configuration.databasePath, access: .migrating)
        log.writeMigration(of: store)
        store.whenLost { [log] in log.write(StoreLossEvent.event($0, path: configuration.databasePath)) }
        let engine = try await SyncEngine(
            configuration, .init(store: store, log: log, now: now), patience: OneShot.patience, readPatience: configuration.schedule.stall)
        let interrupted = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                await engine.stop(within: configuration.schedule.shutdownTimeout)
                return
            }
        }
        let shown = Task { await show(progress, store: store, engine: engine) }
        let deadline = drain.map { now() + $0 }
        if let deadline { await engine.waitNoLonger(than: deadline) }
        var outcome = await runs(engine, store: store, until: deadline)
        shown.cancel()
        // The database is of no use to anybody else for the moment.
        let housekeeper = Housekeeper(store: store, log: log, settings: configuration.retention)
        // What is not pruned now is pruned later, and `remainder` tells of a database that fails.
        try? await housekeeper.work(within: OneShot.housekeeping, now: now) { await engine.isQuiet() }
        interrupted.cancel()
        await engine.stop(within: .zero)
        let remainder = try await store.remainder(of: configuration.enabledRemotes.map(\.name))
        outcome.waiting = remainder.waiting
        outcome.held = remainder.held
        return outcome
    }

    private func runs(_ engine: SyncEngine, store: Store, until deadline: Instant?) async -> Outcome {
        var outcome = Outcome()
        while true {
            let summary = await engine.run(cause: RunCause.request.rawValue)
            outcome.runs += 1
            outcome.counts.add(summary.counts)
            // The run went on without calls that hang; the command waits for their end.
            outcome.counts.add(await engine.finishCalls())
            outcome.nextDue = await engine.nextDue()
            outcome.error = summary.error
            guard summary.error == nil else { return outcome }
            // What could not be planned because a call for it was in flight belongs to this run.
            do {
                if outcome.runs < OneShot.maximumFollowUps, try await !store.feedIsEmpty() { continue }
                guard let deadline, let next = outcome.nextDue, next < deadline else { return outcome }
                try await Task.sleep(for: .milliseconds(max((next - now()).milliseconds, 1)))
            } catch is CancellationError {
                return outcome
            } catch {
                outcome.error = "\(error)"
                return outcome
            }
        }
    }

    /// Rate over the last few seconds, and how long the rest takes at that rate.
    private func show(_ progress: @Sendable (String) -> Void, store: Store, engine: SyncEngine) async {
        var samples: [(at: Instant, delivered: Int)] = [(now(), 0)]
        while true {
            let left: Int
            do {
                try await Task.sleep(for: .milliseconds(500))
                left = try await store.remainder(of: configuration.enabledRemotes.map(\.name)).waiting
            } catch {
                // The command ends, or its run tells of a database that fails.
                return
            }
            let delivered = await engine.delivered()
            samples.append((now(), delivered))
            if samples.count > 10 { samples.removeFirst() }
            let rate = Double(delivered - samples[0].delivered) / max((now() - samples[0].at).seconds, 0.001)
            let remaining = rate >= 1 ? ", about \(Int(Double(left) / rate) + 1) s left" : ""
            progress("\(delivered) delivered, \(left) waiting, \(Int(rate)) calls/s\(remaining)")
        }
    }
}
