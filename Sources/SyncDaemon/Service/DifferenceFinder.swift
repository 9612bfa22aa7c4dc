import SyncCore
import SyncRemotes
import SyncStore

/// Compares every conversation with what its remotes are known to hold, by the rules that planning uses. Reads only.
package struct DifferenceFinder: Sendable {
    /// Decisions after which the two sides count as equal.
    private static let inStep: Set<String> = ["agreed", "drift", "unshown", "no_statement", "read_only"]

    private let remotes: [Remote]
    private let time: @Sendable (String) -> String

    /// - Parameter time: formats an ISO 8601 timestamp for sentences.
    package init(_ remotes: [Remote], time: @escaping @Sendable (String) -> String = { $0 }) {
        self.remotes = remotes
        self.time = time
    }

    /// A remote with its state at one time.
    private struct Setting {
        var remote: Remote
        var gate: RemoteGate.Stored
        var now: Instant
    }

    /// - Parameter found: called page by page, remote by remote, with conversations in the order of their ids.
    package func find(in store: Store, now: Instant, found: @escaping @Sendable ([Difference]) async -> Void) async throws {
        let gates = try await store.storedRemotes()
        for remote in remotes {
            let setting = Setting(remote: remote, gate: gates[remote.name]?.gate ?? .init(), now: now)
            if remote.kind.receivesMessages {
                let messages = try await store.waitingMessages(at: remote.name)
                await found(messages.map { difference(of: $0, setting) })
            } else {
                try await store.linkPictures(at: remote.participation, now: now) { pictures in
                    await found(pictures.flatMap { differences(of: $0, setting) })
                }
            }
        }
    }

    private func difference(of message: WaitingMessage, _ setting: Setting) -> Difference {
        let (reason, detail) = cause(message, setting)
        return Difference(
            conversationID: message.conversationID, remote: setting.remote.name, field: "message", local: .string(message.messageID),
            theirs: .null, reason: reason, detail: detail, outboxID: message.row?.id)
    }

    private func differences(of picture: LinkPicture, _ setting: Setting) -> [Difference] {
        let remote = setting.remote
        func whole(_ reason: Difference.Reason, _ detail: String) -> [Difference] {
            [
                Difference(
                    conversationID: picture.conversationID, remote: remote.name, field: "link", local: .string(picture.remoteID),
                    theirs: .null, reason: reason, detail: detail)
            ]
        }
        if !picture.sharers.isEmpty {
            let others = picture.sharers.joined(separator: ", ")
            return whole(.linkShared, "\(others) links to the same object; delete all but one of the rows in links")
        }
        if let goneAt = picture.goneAt {
            return whole(
                .linkGone, "\(remote.name) no longer knows the object (\(time(goneAt))); write the row in links again to bring it back")
        }
        guard let snapshot = picture.snapshot else {
            return picture.putAside.map { whole(.putAside, PutAside.advice($0)) } ?? []
        }
        if let problem = snapshot.linkProblem { return whole(.refused, problem.reason) }
        let fields = remote.adapter.explain(snapshot)
        // Of a field that is in doubt it is unknown what the remote holds, whatever was decided.
        return fields.filter { !DifferenceFinder.inStep.contains($0.decision) || $0.isInDoubt }.compactMap { field in
            // An assignee that the remote cannot represent is shown with its local id.
            let assignee = field.isUnmapped && field.decision == "omitted" ? snapshot.conversation.assigneeID.map(JSONValue.string) : nil
            let local = assignee ?? field.wanted ?? .null
            let theirs = field.isInDoubt ? .null : field.record.held.value ?? .null
            // If neither side has a value, there is no difference, whatever was decided.
            guard field.isInDoubt || local != theirs else { return nil }
            let (reason, detail, row) = cause(field, picture, setting)
            return Difference(
                conversationID: picture.conversationID, remote: remote.name, field: field.name, local: local, theirs: theirs,
                isTheirsKnown: !field.isInDoubt, reason: reason, detail: detail, outboxID: row)
        }
    }

    // MARK: Why

    private func cause(_ message: WaitingMessage, _ setting: Setting) -> (Difference.Reason, String) {
        if let row = message.row { return cause(row, setting) }
        if let problem = message.putAside { return (.putAside, PutAside.advice(problem)) }
        return unplanned(setting)
    }

    private func cause(
        _ field: FieldExplanation, _ picture: LinkPicture, _ setting: Setting
    ) -> (Difference.Reason, String, row: Int64?) {
        if field.isUnmapped { return (.unmapped, field.rule, nil) }
        if field.isBraked { return (.held, field.rule, nil) }
        // A row that carries the field. A row that could not be built carries no fields, and stands for all of them.
        let row = picture.rows.first { $0.fields.map { $0.isEmpty || field.waits || $0.contains(field.name) } ?? false }
        switch field.decision {
        case "refused":
            let refused = row.flatMap { $0.state == .dead ? $0.id : nil }
            if refused == nil, let row = picture.discardedRow { return discarded(row) }
            return (.refused, field.rule + (refused.map { "; `convosync outbox retry \($0)`" } ?? ""), refused)
        case "omitted", "no_statement": return (.omitted, field.rule, nil)
        case "left", "not_ours", "taken_off", "held_back": return (.left, field.rule, nil)
        default: break
        }
        // A retry of a dead row plans the change that is put aside, which fails again.
        if let row, row.state != .dead || picture.putAside == nil {
            let (reason, detail) = cause(row, setting)
            return (reason, detail, row.id)
        }
        if let problem = picture.putAside { return (.putAside, PutAside.advice(problem), nil) }
        if picture.isUnplanned {
            let (reason, detail) = unplanned(setting)
            return (reason, detail, nil)
        }
        if let row = picture.discardedRow { return discarded(row) }
        return (.unexplained, "\(field.rule); nothing waits because of it", nil)
    }

    private func discarded(_ row: Int64) -> (Difference.Reason, String, row: Int64?) {
        (.discarded, "row \(row) was discarded; `convosync outbox retry \(row)` sends what is wanted now", row)
    }

    private func cause(_ row: OutboxSummary, _ setting: Setting) -> (Difference.Reason, String) {
        let error = row.lastError.map { ": \($0)" } ?? ""
        switch row.state {
        case .sending: return (.sending, "row \(row.id) was sent, and no outcome is recorded yet")
        case .held: return (.held, "row \(row.id) is held\(error); `convosync outbox release \(row.id)`")
        case .dead: return (.refused, "row \(row.id) is dead\(error); `convosync outbox retry \(row.id)`")
        case .uncertain:
            return (
                .uncertain, "row \(row.id) may have arrived\(error); `convosync outbox retry \(row.id) --accept-duplicate`, or discard it"
            )
        case .pending, .delivered, .superseded, .discarded: return pending(row, setting, error)
        }
    }

    private func pending(_ row: OutboxSummary, _ setting: Setting, _ error: String) -> (Difference.Reason, String) {
        let outlook = RowOutlook(row.state, dueAt: row.dueAt, obstacle: row.obstacle, gate: setting.gate, now: setting.now)
        let hold = outlook?.hold(of: setting.remote.name, time: time)
        let moment = outlook?.moment.map { "next attempt \(time($0))" }
        let when = outlook?.waitsForItsTurn == true ? "waiting" : moment ?? "due"
        return (
            row.attempts > 0 ? .retrying : .waiting, "row \(row.id), \(when)\(hold.map { "; \($0)" } ?? "")\(row.attempts > 0 ? error : "")"
        )
    }

    private func unplanned(_ setting: Setting) -> (Difference.Reason, String) {
        let outlook = RowOutlook(.pending, dueAt: "", gate: setting.gate, now: setting.now)
        return (.waiting, "not planned yet" + (outlook?.hold(of: setting.remote.name, time: time).map { "; \($0)" } ?? ""))
    }
}
