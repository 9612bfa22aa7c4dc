import SyncCore
import Synchronization

/// Writes the log events of planning and delivery (docs/log-events.md).
package final class DeliveryReporter: Sendable {
    /// Omitted fields that are written to the log.
    static let omissionLimit = 1000

    private let log: EventLog
    private let tally: DeliveryTally
    private let now: @Sendable () -> Instant
    private let repeats: Mutex<RepeatCounter>
    /// Remote and field of what was left out.
    private let reportedOmissions = Mutex(ReportedFacts(limit: DeliveryReporter.omissionLimit))

    /// - Parameter repeats: how many identical failures of a remote are written in a minute; the rest is counted.
    package init(log: EventLog, repeats: Int, tally: DeliveryTally, now: @escaping @Sendable () -> Instant) {
        self.log = log
        self.tally = tally
        self.now = now
        self.repeats = Mutex(RepeatCounter(limit: repeats))
    }

    /// Another number of identical failures is written in a minute from now on.
    func configure(repeats limit: Int) {
        reportRepeats(all: true)
        repeats.withLock { $0 = RepeatCounter(limit: limit) }
    }

    func report(_ call: FinishedCall, remote: Remote) {
        let claimed = call.claimed
        if let outcome = call.outcome {
            tally.count(call, outcome)
            log.write(
                event("delivery.attempted", level(of: outcome, claimed), claimed)
                    .with("operation", claimed.operation)
                    .with("attempt", claimed.earlierAttempts + 1)
                    .with("outcome", outcome.outcome.rawValue)
                    .with("status", outcome.httpStatus)
                    .with("duration_ms", (call.finishedAt - call.startedAt).milliseconds)
                    .with("error", outcome.error)
                    .with("partial", outcome.partialErrors.isEmpty ? nil : outcome.partialErrors.joined(separator: "; "))
                    .with("retry_at", call.row.state == .pending ? call.row.dueAt.iso8601 : nil))
            if !outcome.drift.isEmpty {
                log.write(event("drift.detected", .warning, claimed).with("fields", outcome.drift.joined(separator: ",")))
            }
            if let stray = outcome.stray {
                log.write(event("delivery.unbelieved", .warning, claimed).with("asked", stray.asked).with("answered", stray.answered))
            }
        }
        switch call.row.state {
        case .held:
            log.write(
                event("delivery.held", .warning, claimed).with("reason", call.error)
                    .with("hint", "convosync outbox release \(claimed.id) sends it all the same"))
        case .pending where call.heldBy != nil:
            log.write(event("delivery.held", .info, claimed).with("reason", call.error).with("until", call.row.dueAt.iso8601))
        case .dead:
            log.write(event("delivery.dead", .error, claimed).with("error", call.error).with("hint", hint(call, remote)))
            guard call.outcome?.outcome == .gone else { break }
            log.write(
                event("link.gone", .warning, claimed).with("object", claimed.targetID)
                    .with("hint", "nothing more is sent for this link; write its row in the table links again to bring it back"))
        case .uncertain:
            log.write(
                event("delivery.uncertain", .error, claimed).with("error", call.error)
                    .with(
                        "hint", "look there, then: convosync outbox retry \(claimed.id) --accept-duplicate, or outbox discard \(claimed.id)"
                    ))
        default: break
        }
    }

    private func hint(_ call: FinishedCall, _ remote: Remote) -> String {
        call.outcome?.outcome == .gone
            ? "nothing more is sent for this link; write its row in the table links again to bring it back"
            : "convosync outbox show \(call.claimed.id); convosync outbox retry \(call.claimed.id)"
    }

    /// A failure that says the same as the ones before it is for `debug` only; it is counted.
    private func level(of outcome: DeliveryOutcome, _ claimed: ClaimedRow) -> LogLevel {
        switch outcome.outcome {
        case .delivered: return outcome.partialErrors.isEmpty ? .info : .warning
        case .interrupted: return .info
        default:
            let kind = RepeatCounter.Kind(
                remote: claimed.remote, outcome: outcome.outcome.rawValue, status: outcome.httpStatus, error: outcome.error)
            let (isWritten, summary) = repeats.withLock { $0.take(kind, error: outcome.error, now: now()) }
            if let summary { report(summary) }
            return isWritten ? .warning : .debug
        }
    }

    /// Writes what was counted instead of written, of minutes that are over or of all.
    func reportRepeats(all: Bool = false) {
        for summary in repeats.withLock({ $0.takeSummaries(now: now(), all: all) }) { report(summary) }
    }

    private func report(_ summary: RepeatCounter.Summary) {
        log.write(
            LogEvent("delivery.repeated", level: .warning).with("remote", summary.kind.remote).with("outcome", summary.kind.outcome)
                .with("status", summary.kind.status).with("error", summary.error).with("repeats", summary.repeats)
                .with("since", summary.since.iso8601))
    }

    private func event(_ name: String, _ level: LogLevel, _ claimed: ClaimedRow) -> LogEvent {
        LogEvent(name, level: level).with("remote", claimed.remote).with("conversation", claimed.conversationID)
            .with("outbox", claimed.id)
    }

    func reportFenced(_ id: Int64, remote: String) {
        log.write(
            LogEvent("delivery.fenced", level: .warning).with("remote", remote).with("outbox", id)
                .with("error", "the lease ran out before the outcome was recorded; what the call may have changed is sent again"))
    }

    func reportTakenBack(_ rows: Int, remote: String) {
        log.write(LogEvent("delivery.taken_back", level: .notice).with("remote", remote).with("rows", rows))
    }

    func report(_ change: RemoteGate.Change, remote: String) {
        switch change {
        case .parked(let reason):
            log.write(
                LogEvent("remote.parked", level: .error).with("remote", remote).with("reason", reason)
                    .with("hint", "correct the credential or url of remotes.\(remote); a probe goes out from time to time"))
        case .resumed:
            log.write(LogEvent("remote.resumed", level: .notice).with("remote", remote))
        case .throttled(let until, let note):
            log.write(
                LogEvent("remote.throttled", level: .warning).with("remote", remote).with("until", until.iso8601)
                    .with("reason", note))
        case .breaker(let transition):
            log.write(
                LogEvent("breaker.\(transition.rawValue)", level: transition == .opened ? .error : .notice).with("remote", remote))
        }
    }

    /// Rows that a remote or planning refuses.
    func reportRefused(_ rows: [PlanBatch.Refused]) {
        for refused in rows {
            log.write(
                LogEvent("delivery.dead", level: .error).with("remote", refused.remote).with("conversation", refused.conversationID)
                    .with("outbox", refused.outboxID).with("error", refused.reason)
                    .with("hint", "correct it, then: convosync outbox retry \(refused.outboxID)"))
        }
    }

    func report(_ batch: PlanBatch) {
        for superseded in batch.superseded {
            log.write(
                LogEvent("delivery.superseded").with("remote", superseded.remote).with("conversation", superseded.conversationID)
                    .with("outbox", superseded.outboxID).with("superseded_by", superseded.supersededBy))
        }
        reportRefused(batch.refused)
        for held in batch.heldBack {
            log.write(
                LogEvent("delivery.held", level: .warning).with("remote", held.remote).with("conversation", held.conversationID)
                    .with("outbox", held.outboxID).with("reason", held.reason)
                    .with("hint", "convosync outbox release \(held.outboxID) sends it all the same"))
        }
        for key in batch.unreadable {
            log.write(
                LogEvent("conversation.unreadable", level: .error).with("key_hex", key.hex).with("error", key.problem)
                    .with("hint", "the row is left out until it is written again; find it with hex(id), then correct or delete it"))
        }
        for entry in batch.putAside {
            log.write(
                LogEvent("plan.put_aside", level: .error).with("remote", entry.remote).with("conversation", entry.conversationID)
                    .with("message", entry.messageID).with("error", entry.problem)
                    .with("hint", "nothing is sent about it until its row is written again, or the service is started or reloaded"))
        }
        for name in batch.foreignRemotes {
            log.write(
                LogEvent("plan.foreign_configuration", level: .warning).with("remote", name)
                    .with(
                        "hint",
                        "another process has planned with another configuration; everything is planned again at the next reload or start"))
        }
        for omitted in batch.omissions {
            guard reportedOmissions.withLock({ $0.insert(omitted.remote, omitted.omission.field) }) else { continue }
            log.write(
                LogEvent("projection.omitted", level: .warning).with("remote", omitted.remote)
                    .with("conversation", omitted.conversationID).with("field", omitted.omission.field)
                    .with("reason", omitted.omission.reason))
        }
    }

    func report(_ engagement: Brake.Engagement, runID: Int64?) {
        tally.countBrake()
        log.write(
            LogEvent("brake.engaged", level: .error).with("run", runID).with("rule", engagement.rule.rawValue)
                .with("finished", engagement.reach.finished).with("touched", engagement.reach.touched)
                .with("conversations", engagement.conversations)
                .with(
                    "hint",
                    "nothing of this is sent; see convosync plan, convosync outbox list --state held; "
                        + "let it go: convosync outbox release --held-by brake; throw it away: convosync outbox discard --held-by brake; "
                        + "rows whose cause is corrected in the tables are discarded by themselves"))
    }
}
