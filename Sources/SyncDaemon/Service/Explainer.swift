import SyncCore
import SyncRemotes
import SyncStore

/// What `convosync explain` says about a conversation at one remote.
package struct RemoteExplanation: Sendable {
    package struct Field: Sendable, Equatable {
        package var name: String
        package var base: JSONValue?
        package var wanted: JSONValue?
        package var seen: JSONValue?
        /// due, in_doubt, acknowledged, no_statement, held_back.
        package var decision: String
        /// One sentence.
        package var rule: String
    }

    package var stored: StoredLink
    package var kind: RemoteKind
    package var fields: [Field]
    /// One sentence about the whole: why nothing is sent, or when the next attempt comes.
    package var next: String
}

/// Works out per remote and field what is known, what is wanted, and the rule behind it. Reads only.
package struct Explainer: Sendable {
    private let configuration: Configuration

    package init(configuration: Configuration) {
        self.configuration = configuration
    }

    /// Nil where there is no such conversation.
    package func explain(
        _ id: String, in store: Store, history: Int
    ) async throws(StoreError) -> (conversation: StoredConversation, remotes: [RemoteExplanation])? {
        let remotes = configuration.enabledRemotes
        guard let stored = try await store.storedConversation(id, remotes: remotes.map(\.participation), history: history) else {
            return nil
        }
        let gates = try await store.storedRemotes()
        let explanations = zip(remotes, stored.remotes).map { remote, link in
            RemoteExplanation(
                stored: link, kind: remote.kind, fields: fields(remote, link, stored),
                next: next(link, remote, gates[remote.name]?.gate ?? .init(), stored))
        }
        return (stored, explanations)
    }

    // MARK: Fields

    private func fields(_ remote: RemoteConfiguration, _ link: StoredLink, _ stored: StoredConversation) -> [RemoteExplanation.Field] {
        guard link.link != nil else { return [] }
        let conversation = stored.conversation
        let adapter = remote.kind.adapter(remote.profile)
        let projection = adapter.project(conversation, knowing: link.knowledge)
        let due = adapter.delta(wanted: projection.fields, knowing: link.knowledge).fields
        let names = Set(projection.fields.keys).union(link.knowledge.base.keys).union(link.knowledge.seen.keys)
            .union(projection.omissions.map(\.field))
        return names.sorted().map { name in
            var field = RemoteExplanation.Field(
                name: name, base: link.knowledge.base[name], wanted: projection.fields[name], seen: link.knowledge.seen[name],
                decision: "", rule: "")
            (field.decision, field.rule) = rule(field, remote, projection, isDue: due[name] != nil, link, stored)
            return field
        }
    }

    private func rule(
        _ field: RemoteExplanation.Field, _ remote: RemoteConfiguration, _ projection: Projection, isDue: Bool, _ link: StoredLink,
        _ stored: StoredConversation
    ) -> (String, String) {
        if link.goneAt != nil {
            return ("gone", "the remote says that the object is gone; nothing is sent until the link is written again")
        }
        if let wanted = field.wanted {
            if link.knowledge.inDoubt.contains(field.name) {
                return ("in_doubt", "\(wanted.text) was sent and no answer came: it is sent again until it is acknowledged")
            }
            guard isDue else { return (field.base == nil ? "up_to_date" : "acknowledged", agreement(field, remote, stored)) }
            return ("due", field.base == nil ? "it was never acknowledged" : "it differs from what was acknowledged")
        }
        if let omission = projection.omissions.first(where: { $0.field == field.name }) { return ("omitted", omission.reason) }
        if field.name == remote.kind.adapter(remote.profile).statusField, !remote.profile.lens.isReadOnly {
            let known = (field.seen ?? field.base)?.stringValue ?? ""
            return ("held_back", "the status map sends nothing over `\(known)` for this state (`convosync map`)")
        }
        return ("no_statement", "nothing is said about it")
    }

    /// Why nothing is due: the law of the status map says it in its own words.
    private func agreement(
        _ field: RemoteExplanation.Field, _ remote: RemoteConfiguration, _ stored: StoredConversation
    ) -> String {
        guard field.name == remote.kind.adapter(remote.profile).statusField, let word = (field.seen ?? field.base)?.stringValue else {
            return "nothing to send"
        }
        let conversation = stored.conversation
        let state = LocalState(conversation.status, Owner(assigneeID: conversation.assigneeID, ai: remote.profile.aiAssignees))
        guard remote.profile.lens.looks(state, like: word) else {
            return "\(remote.name) says `\(word)`, which fits `\(conversation.status.rawValue)`"
        }
        return "\(remote.name) says `\(word)`, which is what `\(conversation.status.rawValue)` looks like there"
    }

    // MARK: What comes next

    private func next(
        _ link: StoredLink, _ remote: RemoteConfiguration, _ gate: RemoteGate.Stored, _ stored: StoredConversation
    ) -> String {
        guard link.link != nil else { return "takes no part: no row in links names \(remote.name)" }
        if let goneAt = link.goneAt { return "gone since \(goneAt): write the row in links again to bring it back" }
        let waiting = link.history.filter { $0.state == .pending || $0.state == .sending || $0.state == .held }
        guard let row = waiting.last else {
            if let row = link.history.first, row.state == .dead || row.state == .uncertain {
                return "row \(row.id) is \(row.state.rawValue): \(row.lastError ?? "no reason known"); `convosync outbox show \(row.id)`"
            }
            return stored.isWaitingForPlan ? "a change waits for the next run" : "nothing to do"
        }
        if row.state == .held {
            return "row \(row.id) is held: \(row.lastError ?? "no reason known"); `convosync outbox release \(row.id)`"
        }
        if row.state == .sending { return "row \(row.id) is on its way" }
        if let pausedAt = gate.pausedAt { return "row \(row.id) waits: the remote is paused since \(pausedAt.iso8601)" }
        if let parkedAt = gate.parkedAt {
            return "row \(row.id) waits: the remote is parked since \(parkedAt.iso8601) (\(gate.parkReason ?? "refused"))"
        }
        let moments = [row.dueAt, gate.throttledUntil?.iso8601, gate.breakerOpenUntil?.iso8601].compactMap { $0 }
        return "row \(row.id) is tried at \(moments.max() ?? row.dueAt)" + (row.lastError.map { "; last error: \($0)" } ?? "")
    }
}
