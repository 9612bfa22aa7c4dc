import SyncCore
import SyncEngine

/// Writes the engine's reports to the log (docs/log-events.md) and counts them for the metrics file. Used on one event loop.
final class EngineReporter {
    let delivery: DeliveryReporter
    let inbound: InboundReporter
    private let log: EventLog
    private let tally: DeliveryTally
    /// Rows deleted by the current sweep.
    private var sweptRows = 0

    /// - Parameters:
    ///   - repeats: how many identical failures of a remote are written in a minute.
    ///   - now: the wall clock.
    init(log: EventLog, tally: DeliveryTally, repeats: Int, now: @escaping @Sendable () -> Instant) {
        self.log = log
        self.tally = tally
        delivery = DeliveryReporter(log: log, repeats: repeats, tally: tally, now: now)
        inbound = InboundReporter(log: log, tally: tally, now: now)
    }

    func report(_ report: EngineReport) {
        switch report {
        case .attempted(let call, let remote):
            delivery.report(call, remote: remote)
            inbound.reportResponse(to: call, remote: remote)
        case .refused(let rows): delivery.reportRefused(rows)
        case .fenced(let id, let remote): delivery.reportFenced(id, remote: remote)
        case .takenBack(let rows, let remote): delivery.reportTakenBack(rows, remote: remote)
        case .gate(let change, let remote): delivery.report(change, remote: remote)
        case .planned(let batch): delivery.report(batch)
        case .reconciled(let results): inbound.report(results)
        case .inbox(let result): inbound.report(result)
        case .runBegan(let id, let cause):
            log.write(LogEvent("run.started", level: .debug).with("run", id).with("cause", cause.rawValue))
        case .runEnded(let id, let cause, let counts, let error, let startedAt, let endedAt):
            reportRepeats()
            tally.countRun(hasFailed: error != nil, from: startedAt, to: endedAt)
            // A run that has done nothing, or could not be stored, has no number.
            log.write(RunEvent.finished(id ?? 0, cause, counts, error: error, duration: endedAt - startedAt))
        case .brakeEngaged(let engagement, let runID): delivery.report(engagement, runID: runID)
        case .planStalled(let entries):
            log.write(
                LogEvent("plan.stalled", level: .error).with("entries", entries)
                    .with("hint", "planning took nothing off the change feed and is given up for this run; the other stages go on"))
        case .strayRemotes(let names):
            for name in names {
                log.write(
                    LogEvent("link.unknown_remote", level: .warning).with("remote", name)
                        .with("hint", "rows in links or assignees name a remote that is not configured or not enabled"))
            }
        case .shared(let objects): inbound.reportShared(objects)
        case .recovered(let rows):
            if rows > 0 { log.write(LogEvent("outbox.recovered", level: .warning).with("rows", rows)) }
        case .read(let remote, let failure): inbound.reportRead(remote, failure: failure)
        case .unreadable(let object, let remote, let reason, let hint):
            inbound.reportUnreadable(object, remote: remote, reason: reason, hint: hint)
        case .readsFailedBefore(let remote, let failures): inbound.restore(remote, failures: failures)
        case .pruned(let rows, let sweepEnded): reportPruned(rows, sweepEnded: sweepEnded)
        case .storeUnavailable(let error): log.write(LogEvent("store.unavailable", level: .error).with("error", error))
        case .storeAvailable: log.write(LogEvent("store.available", level: .notice))
        case .exchangeProblem(let problem):
            log.write(
                LogEvent("store.problem", level: .error).with("error", problem)
                    .with("hint", "a part of what was to be written was left out, everything else goes on"))
        }
    }

    private func reportPruned(_ rows: Int, sweepEnded: Bool) {
        tally.countPruned(rows)
        sweptRows += rows
        guard sweepEnded else { return }
        if sweptRows > 0 { log.write(LogEvent("retention.pruned").with("rows", sweptRows)) }
        sweptRows = 0
    }

    /// Writes what was counted instead of written, of minutes that are over or of all.
    func reportRepeats(all: Bool = false) {
        delivery.reportRepeats(all: all)
        inbound.reportRepeats(all: all)
    }
}

/// The `run.finished` event.
private enum RunEvent {
    static func finished(_ id: Int64?, _ cause: RunCause, _ counts: RunCounts, error: String?, duration: Duration) -> LogEvent {
        // A run that found nothing to do is logged at debug only.
        let isQuiet = counts == RunCounts() && error == nil
        return LogEvent("run.finished", level: error != nil ? .error : isQuiet ? .debug : .info)
            .with("run", id).with("cause", cause.rawValue)
            .with("examined", counts.examined).with("planned", counts.planned).with("delivered", counts.delivered)
            .with("put_back", counts.putBack).with("dead", counts.dead)
            .with("duration_ms", duration.milliseconds).with("error", error)
    }
}
