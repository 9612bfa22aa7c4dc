import SyncCore
import Synchronization

/// Writes the log events of what comes back from remotes (docs/log-events.md).
package final class InboundReporter: Sendable {
    /// Status values that are written to the log.
    static let unmappedLimit = 1000
    /// Objects that cannot be read, the same.
    static let unreadableLimit = 10_000

    private let log: EventLog
    /// Remote and status value that were reported as unmapped.
    private let unmapped = Mutex(ReportedFacts(limit: InboundReporter.unmappedLimit))
    /// Remotes whose last read failed.
    private let failing = Mutex<[String: Failing]>([:])
    /// Objects that cannot be read for one reason: the first is written, the others are counted.
    private let repeats = Mutex(RepeatCounter(limit: 1))
    private let now: @Sendable () -> Instant

    /// Objects that several conversations link to, as they were reported last.
    private let shared = Mutex<Set<SharedObject>>([])
    /// Objects that could not be read: remote, id and agent.
    private let unreadable = Mutex(ReportedFacts(limit: InboundReporter.unreadableLimit))

    private let tally: DeliveryTally

    private struct Failing {
        /// In a row.
        var count = 0
        var isReported = false
    }

    package init(log: EventLog, tally: DeliveryTally, now: @escaping @Sendable () -> Instant) {
        self.log = log
        self.tally = tally
        self.now = now
    }

    func report(_ result: InboxResult) {
        report(result.reconciled)
        for collision in result.collisions {
            log.write(
                LogEvent("message.collision", level: .warning).with("remote", collision.remote)
                    .with("conversation", collision.conversationID).with("message", collision.messageID)
                    .with(
                        "hint", "two texts of the conversation came with one id; the first one is in the table messages, the other is not"))
        }
        for dropped in result.dropped {
            tally.countDroppedEvents(dropped.count)
            log.write(
                LogEvent("inbox.dropped", level: .notice).with("remote", dropped.remote).with("events", dropped.count)
                    .with("reason", dropped.reason.rawValue))
        }
    }

    func report(_ results: [Reconciled]) {
        for result in results { report(result) }
    }

    private func report(_ result: Reconciled) {
        let verdict = result.verdict
        if !verdict.otherFields.isEmpty, verdict.changes.status == nil, verdict.changes.assigneeID == nil {
            log.write(
                LogEvent("status.adopted", level: .notice).with("remote", result.remote).with("conversation", result.conversationID)
                    .with("changed", verdict.otherFields.joined(separator: ",")))
        }
        if !verdict.drift.isEmpty {
            log.write(
                LogEvent("drift.detected", level: .warning).with("remote", result.remote).with("conversation", result.conversationID)
                    .with("fields", verdict.drift.joined(separator: ",")))
        }
        if let winner = verdict.titleWinner {
            log.write(
                LogEvent("conflict.resolved", level: .warning).with("remote", result.remote).with("conversation", result.conversationID)
                    .with("winner", winner).with("changed", "title")
                    .with("reason", "the title changed here and at \(result.remote)"))
        }
        if verdict.engagesBrake {
            log.write(
                LogEvent("brake.engaged", level: .error).with("remote", result.remote).with("rule", "finish")
                    .with(
                        "error",
                        "\(result.remote) reports more conversations as over than [brake] allows; no further ends are adopted from it"
                    )
                    .with("hint", "look there, then: convosync outbox release --held-by brake --remote \(result.remote)"))
        }
        switch verdict.kind {
        case .adopted:
            log.write(
                event("status.adopted", result, level: .notice).with("changed", verdict.changes.names.joined(separator: ","))
                    .with("to", verdict.changes.status?.rawValue))
        case .kept where result.isNew: log.write(event("status.kept", result, level: .info))
        case .refused where result.isNew: log.write(event("status.kept", result, level: .notice))
        case .conflict:
            log.write(
                event("conflict.resolved", result, level: .warning)
                    .with("winner", verdict.winner).with("to", verdict.changes.status?.rawValue))
        case .unmapped: reportUnmapped(verdict.word, at: result.remote, conversation: result.conversationID, reason: verdict.rule)
        case .rolledBack:
            log.write(
                event("remote.rolled_back", result, level: .warning)
                    .with("hint", "was \(result.remote) restored from a backup? It is told the local state again"))
        case .left where result.isNew, .braked where result.isNew: log.write(event("status.kept", result, level: .notice))
        case .kept, .refused, .left, .braked, .silent, .unchanged, .first, .stale, .readAgain: break
        }
    }

    /// The response to a call that carried a status is not compared with anything, and a value without a meaning is no report either.
    func reportResponse(to call: FinishedCall, remote: Remote) {
        guard let outcome = call.outcome, outcome.outcome == .delivered, let word = outcome.observation?.word,
            remote.profile.inboundMap[word] == nil
        else { return }
        reportUnmapped(word, at: remote.name, conversation: call.claimed.conversationID, reason: remote.adapter.unmappedRule(word))
    }

    private func reportUnmapped(_ word: String?, at remote: String, conversation: String, reason: String) {
        guard unmapped.withLock({ $0.insert(remote, word ?? "") }) else { return }
        log.write(
            LogEvent("status.unmapped", level: .warning).with("remote", remote).with("conversation", conversation)
                .with("word", word).with("reason", reason))
    }

    private func event(_ name: String, _ result: Reconciled, level: LogLevel) -> LogEvent {
        LogEvent(name, level: level).with("remote", result.remote).with("conversation", result.conversationID)
            .with("word", result.verdict.word).with("reason", result.verdict.rule)
    }

    /// - Parameter failure: nil for a remote that was read from beginning to end.
    func reportRead(_ remote: String, failure: String?) {
        tally.countRead(remote, hasFailed: failure != nil)
        guard let failure else {
            guard let former = failing.withLock({ $0.removeValue(forKey: remote) }) else { return }
            log.write(LogEvent("poll.recovered", level: .notice).with("remote", remote).with("failures", former.count))
            return
        }
        // The rest is counted: in poll.recovered, in the state event and in `status`.
        let isFirst = failing.withLock { failing in
            failing[remote, default: Failing()].count += 1
            defer { failing[remote]?.isReported = true }
            return failing[remote]?.isReported == false
        }
        guard isFirst else { return }
        log.write(
            LogEvent("poll.failed", level: .warning).with("remote", remote).with("error", failure)
                .with("hint", "retried at growing intervals; what changes at \(remote) is not seen until then"))
    }

    /// A remote whose reads failed before the start: its recovery is news, and so is that it fails still.
    func restore(_ remote: String, failures: Int) {
        guard failures > 0 else { return }
        // After a reload, what this process has said it does not say again.
        let isReported = (tally.counts.remotes[remote]?.failedReads ?? 0) > 0
        failing.withLock { $0[remote] = Failing(count: failures, isReported: isReported) }
    }

    /// One object that cannot be read says nothing about the others. Each is reported once until the program starts again; of many that
    /// cannot be read for the same reason, the first is named and the rest is counted.
    func reportUnreadable(_ object: ReadRequest, remote: String, reason: String, hint: String? = nil) {
        guard unreadable.withLock({ $0.insert(remote, object.remoteID, object.agentID ?? "") }) else { return }
        let kind = RepeatCounter.Kind(remote: remote, outcome: "unreadable", status: nil, error: reason)
        let (isWritten, summary) = repeats.withLock { $0.take(kind, error: reason, now: now()) }
        if let summary { report(summary) }
        guard isWritten else { return }
        log.write(
            LogEvent("poll.unreadable", level: .warning).with("remote", remote).with("object", object.remoteID).with("error", reason)
                .with("hint", hint))
    }

    /// Writes what was counted instead of written, of minutes that are over or of all.
    func reportRepeats(all: Bool = false) {
        for summary in repeats.withLock({ $0.takeSummaries(now: now(), all: all) }) { report(summary) }
    }

    private func report(_ summary: RepeatCounter.Summary) {
        log.write(
            LogEvent("poll.unreadable", level: .warning).with("remote", summary.kind.remote).with("error", summary.error)
                .with("repeats", summary.repeats).with("since", summary.since.iso8601))
    }

    /// Objects that several conversations link to, all that there are at the moment. Each is reported once, and again when it has been
    /// put in order and is shared once more.
    func reportShared(_ objects: [SharedObject]) {
        let new = shared.withLock { known in
            defer { known = Set(objects) }
            return objects.filter { !known.contains($0) }
        }
        for object in new {
            log.write(
                LogEvent("link.shared", level: .warning).with("remote", object.remote).with("object", object.remoteID)
                    .with("agent", object.agentID).with("conversations", object.conversations.joined(separator: ","))
                    .with("hint", "nothing is sent for these conversations or adopted until one row in the table links is left"))
        }
    }
}
