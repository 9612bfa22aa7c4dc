import SyncCore
import SyncRemotes
import SyncStore

/// The output of `convosync explain` about a conversation at one remote.
package struct RemoteExplanation: Sendable {
    package struct Field: Sendable, Equatable {
        package var name: String
        /// The values that both sides last agreed on, and the one that the remote was last known to hold.
        package var ours: JSONValue?
        package var theirs: JSONValue?
        package var held: JSONValue?
        package var wanted: JSONValue?
        /// A value for programs: agreed, drift, due, in_doubt, held, left, refused, ….
        package var decision: String
        /// One sentence.
        package var rule: String
        /// Whether the remote may hold a value of a call that got no response.
        package var isInDoubt: Bool
    }

    package var stored: StoredLink
    package var kind: Kind
    package var fields: [Field]
    /// One sentence about the conversation as a whole: why nothing is sent, or when the next attempt is made.
    package var next: String
}

/// Works out per remote and field what is known, what is wanted, and by which rule. Reads only.
package struct Explainer: Sendable {
    private let configuration: OperatorConfiguration
    private let time: @Sendable (String) -> String

    /// - Parameter time: formats an ISO 8601 timestamp for sentences.
    package init(configuration: OperatorConfiguration, time: @escaping @Sendable (String) -> String = { $0 }) {
        self.configuration = configuration
        self.time = time
    }

    /// Nil if there is no such conversation.
    package func explain(
        _ id: String, in store: Store, history: Int
    ) async throws(StoreError) -> (conversation: StoredConversation, remotes: [RemoteExplanation])? {
        let remotes = configuration.soundRemotes
        let unread = configuration.undecidable(known: try await store.knownRemotes())
        let now = SystemClock.now()
        let participations = remotes.map(\.participation) + unread.compactMap(\.participation)
        guard let stored = try await store.storedConversation(id, remotes: participations, history: history, now: now) else { return nil }
        let gates = try await store.storedRemotes()
        let explanations = zip(remotes, stored.remotes).map { remote, link in
            RemoteExplanation(
                stored: link, kind: remote.kind, fields: fields(remote, link),
                next: next(link, remote, gates[remote.name]?.gate ?? .init(), stored, now: now))
        }
        return (stored, explanations + unread.enumerated().compactMap { explanation($1, stored.remotes[remotes.count + $0]) })
    }

    /// For a remote whose table in the configuration has problems: what the database contains, without decisions.
    private func explanation(_ remote: UnreadRemote, _ link: StoredLink) -> RemoteExplanation? {
        remote.kind.map { kind in
            RemoteExplanation(
                stored: link, kind: kind, fields: [],
                next: "not known: the configuration of this remote has mistakes; `convosync check` lists them")
        }
    }

    // MARK: Fields

    private func fields(_ remote: Remote, _ link: StoredLink) -> [RemoteExplanation.Field] {
        guard link.goneAt == nil, let snapshot = link.snapshot else { return [] }
        return remote.adapter.explain(snapshot).map { field in
            RemoteExplanation.Field(
                name: field.name, ours: field.record.ours.value, theirs: field.record.theirs.value, held: field.record.held.value,
                wanted: field.wanted, decision: field.decision, rule: field.rule, isInDoubt: field.isInDoubt)
        }
    }

    // MARK: What comes next

    private func next(
        _ link: StoredLink, _ remote: Remote, _ gate: RemoteGate.Stored, _ stored: StoredConversation,
        now: Instant
    ) -> String {
        if !link.sharers.isEmpty {
            return
                "takes no part: \(link.sharers.joined(separator: ", ")) links to the same object; delete all but one of the rows in links"
        }
        let putAside = putAside(stored, at: remote)
        guard link.link != nil else {
            if link.isUnreadable, let putAside { return putAside }
            return "takes no part: no row in links names \(remote.name)"
        }
        if let goneAt = link.goneAt { return "gone (\(time(goneAt))): write the row in links again to bring it back" }
        let waiting = link.unfinished.filter { $0.state == .pending || $0.state == .sending || $0.state == .held }
        guard let row = waiting.last else {
            if let row = link.unfinished.first {
                let reason = row.lastError ?? "no reason known"
                return joined("row \(row.id) is \(row.state.rawValue): \(reason); `convosync outbox show \(row.id)`", putAside)
            }
            if let putAside { return putAside }
            if link.isWaitingForPlan { return "a change waits for the next run" }
            guard let (row, moment) = link.discarded else { return "nothing to do" }
            return
                "row \(row) was discarded\(moment.map { " (\(time($0)))" } ?? ""): the remote may differ, and nothing is due until the conversation "
                + "changes; `convosync outbox retry \(row)` sends what is wanted now"
        }
        return joined(next(row, remote.name, gate, now: now), putAside)
    }

    private func next(_ row: OutboxSummary, _ remote: String, _ gate: RemoteGate.Stored, now: Instant) -> String {
        let error = row.lastError ?? "no reason known"
        if row.state == .held { return "row \(row.id) is held: \(error); `convosync outbox release \(row.id)`" }
        if row.state == .sending { return "row \(row.id) was sent, and no outcome is recorded yet" }
        return pending(row, remote, gate, now: now)
    }

    /// Rows that are there already are sent whatever is put aside.
    private func joined(_ next: String, _ putAside: String?) -> String { putAside.map { "\(next); \($0)" } ?? next }

    /// Of the changes that are put aside, the first one that the remote is to be told: of the messages for a remote that receives messages,
    /// of the states for any other.
    private func putAside(_ stored: StoredConversation, at remote: Remote) -> String? {
        let entry = stored.putAside.first { entry in
            (entry.messageID != nil) == remote.kind.receivesMessages && (entry.remote ?? remote.name).hasSameBytes(as: remote.name)
        }
        guard let entry else { return nil }
        return "\(entry.messageID.map { "message \($0)" } ?? "a change") is \(PutAside.advice(entry.problem))"
    }

    private func pending(_ row: OutboxSummary, _ remote: String, _ gate: RemoteGate.Stored, now: Instant) -> String {
        guard let outlook = RowOutlook(row.state, dueAt: row.dueAt, obstacle: row.obstacle, gate: gate, now: now) else {
            return "nothing to do"
        }
        let last = row.lastError.map { "; last error: \($0)" } ?? ""
        let hold = outlook.hold(of: remote, time: time)
        if let moment = outlook.moment {
            return "row \(row.id) waits for its next attempt, \(time(moment))\(hold.map { " (\($0))" } ?? "")\(last)"
        }
        return "row \(row.id) \(hold.map { "waits: \($0)" } ?? "is due")\(last)"
    }
}
