import SyncCore
import SyncRemotes
import SyncStore

/// Compares every conversation with what its remotes are known to hold, by the rule that planning uses. Reads only.
package struct DifferenceFinder: Sendable {
    /// Decisions after which both sides count as in step.
    private static let inStep: Set<String> = ["agreed", "drift", "unshown", "no_statement", "read_only", "held_back"]

    private let remotes: [RemoteConfiguration]

    package init(_ remotes: [RemoteConfiguration]) {
        self.remotes = remotes
    }

    /// - Parameter found: called page by page, remote after remote, conversations in the order of their ids.
    package func find(in store: Store, now: Instant, found: @escaping @Sendable ([Difference]) async -> Void) async throws {
        let gates = try await store.storedRemotes()
        for remote in remotes {
            let gate = gates[remote.name]?.gate ?? .init()
            if remote.kind.receivesMessages {
                let messages = try await store.waitingMessages(at: remote.name)
                await found(messages.map { difference(of: $0, remote, gate) })
            } else {
                try await store.linkPictures(at: remote.participation, now: now) { pictures in
                    await found(pictures.flatMap { differences(of: $0, remote, gate) })
                }
            }
        }
    }

    private func difference(of message: WaitingMessage, _ remote: RemoteConfiguration, _ gate: RemoteGate.Stored) -> Difference {
        let (reason, detail) = message.row.map { cause($0, remote, gate) } ?? waiting("not planned yet", remote, gate)
        return Difference(
            conversationID: message.conversationID, remote: remote.name, field: "message", local: .string(message.messageID),
            theirs: .null, reason: reason, detail: detail, outboxID: message.row?.id)
    }

    private func differences(
        of picture: LinkPicture, _ remote: RemoteConfiguration, _ gate: RemoteGate.Stored
    ) -> [Difference] {
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
                .linkGone, "\(remote.name) does not know the object since \(goneAt); write the row in links again to bring it back")
        }
        guard let snapshot = picture.snapshot else { return [] }
        if let problem = snapshot.linkProblem { return whole(.refused, problem.reason) }
        let fields = remote.kind.adapter(remote.profile).explain(snapshot)
        return fields.filter { !DifferenceFinder.inStep.contains($0.decision) }.map { field in
            let (reason, detail, row) = cause(field, picture, remote, gate)
            return Difference(
                conversationID: picture.conversationID, remote: remote.name, field: field.name, local: field.wanted ?? .null,
                theirs: field.record.held.value ?? .null, reason: reason, detail: detail, outboxID: row)
        }
    }

    // MARK: Why

    private func cause(
        _ field: FieldExplanation, _ picture: LinkPicture, _ remote: RemoteConfiguration, _ gate: RemoteGate.Stored
    ) -> (Difference.Reason, String, row: Int64?) {
        if field.isUnmapped { return (.unmapped, field.rule, nil) }
        switch field.decision {
        case "refused":
            let row = picture.rows.first { $0.state == .dead }
            return (.refused, field.rule + (row.map { "; `convosync outbox retry \($0.id)`" } ?? ""), row?.id)
        case "omitted": return (.omitted, field.rule, nil)
        case "left", "not_ours", "taken_off": return (.left, field.rule, nil)
        default: break
        }
        if let row = picture.rows.first(where: { $0.fields?.contains(field.name) ?? true }) ?? picture.rows.first {
            let (reason, detail) = cause(row, remote, gate)
            return (reason, detail, row.id)
        }
        if picture.isUnplanned {
            let (reason, detail) = waiting("not planned yet", remote, gate)
            return (reason, detail, nil)
        }
        if let row = picture.discardedRow {
            return (.discarded, "row \(row) was discarded; `convosync outbox retry \(row)` sends what is wanted now", row)
        }
        return (.unexplained, "\(field.rule); nothing waits because of it", nil)
    }

    private func cause(
        _ row: OutboxSummary, _ remote: RemoteConfiguration, _ gate: RemoteGate.Stored
    ) -> (Difference.Reason, String) {
        let error = row.lastError.map { ": \($0)" } ?? ""
        switch row.state {
        case .sending: return (.sending, "row \(row.id) is on its way")
        case .held: return (.held, "row \(row.id) is held\(error); `convosync outbox release \(row.id)`")
        case .dead: return (.refused, "row \(row.id) is dead\(error); `convosync outbox retry \(row.id)`")
        case .uncertain:
            return (
                .uncertain, "row \(row.id) may have arrived\(error); `convosync outbox retry \(row.id) --accept-duplicate`, or discard it"
            )
        case .pending where row.attempts > 0: return (.retrying, "row \(row.id), attempt \(row.attempts + 1) at \(row.dueAt)\(error)")
        case .pending, .delivered, .superseded, .discarded: return waiting("row \(row.id) is due", remote, gate)
        }
    }

    private func waiting(_ text: String, _ remote: RemoteConfiguration, _ gate: RemoteGate.Stored) -> (Difference.Reason, String) {
        if gate.pausedAt != nil { return (.waiting, "\(text); \(remote.name) is paused: `convosync resume \(remote.name)`") }
        if gate.parkedAt != nil { return (.waiting, "\(text); \(remote.name) is parked: \(gate.parkReason ?? "refused")") }
        return (.waiting, text)
    }
}
