import SyncCore
import SyncStore
import Synchronization

/// Writes the log events of what comes back from remotes (docs/log-events.md).
package final class InboundReporter: Sendable {
    private let log: EventLog
    /// Remote and word that were reported as unmapped already: once is enough, `explain` shows the rest.
    private let reportedWords = Mutex<Set<String>>([])
    private static let rememberedWords = 1000
    /// Remotes whose last read failed.
    private let failing = Mutex<Set<String>>([])

    /// Objects that several conversations link to, as they were reported last.
    private let shared = Mutex<Set<SharedObject>>([])
    /// Objects that could not be read.
    private let unreadable = Mutex<Set<ExactText>>([])
    private static let rememberedObjects = 10_000

    private let tally: DeliveryTally

    package init(log: EventLog, tally: DeliveryTally = DeliveryTally()) {
        self.log = log
        self.tally = tally
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
                    .with("error", "\(result.remote) says of so many conversations that they are over that no further one is taken over")
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
                    .with("winner", verdict.changes.isEmpty ? "local" : "remote").with("to", verdict.changes.status?.rawValue))
        case .unmapped:
            let isNew = reportedWords.withLock {
                $0.count < InboundReporter.rememberedWords && $0.insert("\(result.remote)\u{0}\(verdict.word ?? "")").inserted
            }
            guard isNew else { return }
            log.write(event("status.unmapped", result, level: .warning))
        case .rolledBack:
            log.write(
                event("remote.rolled_back", result, level: .warning)
                    .with("hint", "was \(result.remote) restored from a backup? It is told the local state again"))
        case .left where result.isNew, .braked where result.isNew: log.write(event("status.kept", result, level: .notice))
        case .kept, .refused, .left, .braked, .silent, .unchanged, .first, .stale, .readAgain: break
        }
    }

    private func event(_ name: String, _ result: Reconciled, level: LogLevel) -> LogEvent {
        LogEvent(name, level: level).with("remote", result.remote).with("conversation", result.conversationID)
            .with("word", result.verdict.word).with("reason", result.verdict.rule)
    }

    func reportRead(_ remote: String, failure: String?) {
        let isFailing = failing.withLock { failing in
            failure == nil ? failing.remove(remote) != nil : !failing.insert(remote).inserted
        }
        if let failure, !isFailing {
            log.write(
                LogEvent("poll.failed", level: .warning).with("remote", remote).with("error", failure)
                    .with("hint", "tried again with growing pauses; what changed at \(remote) is not seen until then"))
        } else if failure == nil, isFailing {
            log.write(LogEvent("poll.recovered", level: .notice).with("remote", remote))
        }
    }

    /// One object that cannot be read says nothing about the others. Reported once until the program starts anew.
    func reportUnreadable(_ object: ReadRequest, remote: String, reason: String, hint: String? = nil) {
        let isNew = unreadable.withLock { known in
            known.count < InboundReporter.rememberedObjects
                && known.insert(ExactText("\(remote)\u{0}\(object.remoteID)\u{0}\(object.agentID ?? "")")).inserted
        }
        guard isNew else { return }
        log.write(
            LogEvent("poll.unreadable", level: .warning).with("remote", remote).with("object", object.remoteID).with("error", reason)
                .with("hint", hint))
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
                    .with("hint", "nothing is sent for these conversations or taken over until one row in the table links is left"))
        }
    }
}
