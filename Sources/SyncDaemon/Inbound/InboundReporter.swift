import SyncCore
import SyncStore
import Synchronization

/// Writes the log events of what comes back from remotes (docs/log-events.md).
package final class InboundReporter: Sendable {
    private let log: EventLog
    /// Remote and word that were reported as unmapped already: once is enough, `explain` shows the rest.
    private let reportedWords = Mutex<Set<String>>([])
    /// Remotes whose last read failed.
    private let failing = Mutex<Set<String>>([])

    /// Objects that could not be read.
    private let unreadable = Mutex<Set<ExactText>>([])
    private static let rememberedObjects = 10_000

    package init(log: EventLog) {
        self.log = log
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
            guard reportedWords.withLock({ $0.insert("\(result.remote)\u{0}\(verdict.word ?? "")").inserted }) else { return }
            log.write(event("status.unmapped", result, level: .warning))
        case .kept, .refused, .silent, .unchanged, .echo, .first, .stale: break
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
    func reportUnreadable(_ id: String, remote: String, reason: String) {
        let isNew = unreadable.withLock { known in
            known.count < InboundReporter.rememberedObjects && known.insert(ExactText("\(remote)\u{0}\(id)")).inserted
        }
        guard isNew else { return }
        log.write(LogEvent("poll.unreadable", level: .warning).with("remote", remote).with("object", id).with("error", reason))
    }

    func reportGone(_ conversationID: String, remote: String) {
        log.write(
            LogEvent("link.gone", level: .warning).with("remote", remote).with("conversation", conversationID)
                .with("hint", "nothing more is sent for this link; write its row in the table links again to bring it back"))
    }
}
