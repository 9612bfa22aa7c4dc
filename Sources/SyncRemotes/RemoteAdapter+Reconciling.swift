import SyncCore

extension RemoteAdapter {
    /// Reconciles what the remote says with the local row (design section 5).
    package func reconcile(_ snapshot: InboundSnapshot) -> Verdict {
        if let overtakenAt = snapshot.overtakenAt { return reconcileLate(snapshot, overtakenAt: overtakenAt) }
        var verdict = reconcileStatus(snapshot)
        let fields = profile.adoption.fields
        if fields.contains(.title) { reconcileTitle(snapshot, into: &verdict) }
        if fields.contains(.tags) { reconcileTags(snapshot, into: &verdict) }
        verdict.otherFields = verdict.changes.names.filter { $0 == "title" || $0 == "tags" }
        return verdict
    }

    // MARK: Status and assignee

    private func reconcileStatus(_ snapshot: InboundSnapshot) -> Verdict {
        let knowledge = snapshot.knowledge
        let seen = knowledge.seen.merging(statusFields(snapshot.observation)) { _, fresh in fresh }
        var verdict = Verdict(kind: .silent, rule: "nothing was said about the status", base: knowledge.base, seen: seen)
        guard let statusField, let word = snapshot.observation.word else { return verdict }
        verdict.word = word
        guard profile.adoption.fields.contains(.status) else {
            verdict.rule = "\(profile.name) says `\(word)`; remotes.\(profile.name).adopt does not name the status"
            return verdict
        }
        let decision = StatusReconciliation(lens: profile.lens, policy: profile.adoption).decide(
            snapshot.observation, word: word, known: known(snapshot), attempted: knowledge.attempted[statusField]?.stringValue,
            local: local(snapshot))
        verdict.kind = decision.kind
        verdict.rule = rule(for: decision, word: word, snapshot)
        switch decision {
        case .unmapped:
            // The word before it stays what is known.
            verdict.seen[statusField] = knowledge.seen[statusField]
        case .silent, .unchanged, .first, .attended:
            break
        case .echo:
            verdict.base[statusField] = .string(word)
            verdict.settled = [statusField]
        case .agreed, .finer:
            accept(snapshot, as: snapshot.conversation, into: &verdict)
        case .adopted(let state), .conflictLost(let state):
            let conversation = adopting(state, snapshot)
            if conversation.status != snapshot.conversation.status { verdict.changes.status = conversation.status }
            if !conversation.assigneeID.hasSameBytes(as: snapshot.conversation.assigneeID) {
                verdict.changes.assigneeID = .some(conversation.assigneeID)
            }
            if verdict.changes.isEmpty {
                // One person or another: whom the remote names is not known here, or has the conversation already.
                (verdict.kind, verdict.rule) = (.kept, "kept: \(profile.name) says `\(word)`, and a person has the conversation here")
            }
            accept(snapshot, as: conversation, into: &verdict)
        case .conflictWon, .reopeningRefused:
            reject(snapshot, word: word, into: &verdict)
        }
        return verdict
    }

    /// A report that the remote dates before one that is known already.
    private func reconcileLate(_ snapshot: InboundSnapshot, overtakenAt: Instant) -> Verdict {
        let knowledge = snapshot.knowledge
        var verdict = Verdict(
            kind: .stale, rule: "older than what \(profile.name) said before", word: snapshot.observation.word, base: knowledge.base,
            seen: knowledge.seen)
        let reconciliation = StatusReconciliation(lens: profile.lens, policy: profile.adoption)
        guard profile.adoption.fields.contains(.status), let word = snapshot.observation.word,
            let later = statusField.flatMap({ knowledge.seen[$0]?.stringValue }),
            let state = reconciliation.decideLate(word, after: later, at: overtakenAt, local: local(snapshot))
        else { return verdict }
        let conversation = adopting(state, snapshot)
        verdict.kind = .adopted
        verdict.rule = "took over \(state.text): \(profile.name) had said `\(word)` before `\(later)`"
        verdict.changes.status = conversation.status
        if !conversation.assigneeID.hasSameBytes(as: snapshot.conversation.assigneeID) {
            verdict.changes.assigneeID = .some(conversation.assigneeID)
        }
        return verdict
    }

    private func statusFields(_ observation: Observation) -> Fields {
        seenFields(observation).filter { $0.key == statusField || $0.key == assigneeField }
    }

    private func known(_ snapshot: InboundSnapshot) -> StatusReconciliation.Known? {
        let fields = snapshot.knowledge.base.merging(snapshot.knowledge.seen) { _, seen in seen }
        guard let statusField, let word = fields[statusField]?.stringValue else { return nil }
        return .init(word: word, assignee: knownAssignee(in: fields), at: snapshot.seenAt)
    }

    private func localState(_ conversation: Conversation) -> LocalState {
        LocalState(conversation.status, Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees))
    }

    private func local(_ snapshot: InboundSnapshot) -> StatusReconciliation.Local {
        let wanted = project(snapshot.conversation, knowing: snapshot.knowledge).fields
        let due = delta(wanted: wanted, knowing: snapshot.knowledge).fields
        return .init(
            state: localState(snapshot.conversation),
            isDue: [statusField, assigneeField].contains { name in name.map { due[$0] != nil } ?? false },
            changedAt: snapshot.localChangedAt, statusChangedAt: snapshot.statusChangedAt, lastUserMessageAt: snapshot.lastUserMessageAt)
    }

    /// The conversation after a state was taken over; the owner of the state becomes an assignee.
    private func adopting(_ state: LocalState, _ snapshot: InboundSnapshot) -> Conversation {
        var conversation = snapshot.conversation
        conversation.status = state.status
        let owner = localState(snapshot.conversation).owner
        switch state.owner {
        case .none: conversation.assigneeID = nil
        case .ai: if owner != .ai { conversation.assigneeID = profile.aiAssignee ?? conversation.assigneeID }
        case .human:
            // Of two people the one whom the remote names, if it is known who that is.
            if !state.status.isFinished, let reported = snapshot.reportedAssigneeID {
                conversation.assigneeID = reported
            } else if owner != .human {
                conversation.assigneeID = profile.unknownAssignee
            }
        }
        return conversation
    }

    /// What the remote says fits the local row, as it is or as it will be: nothing is due about it.
    ///
    /// Where both sides agree without using the same word (voicebot's `in-progress` for a conversation that nobody has), the word that
    /// would be sent counts as acknowledged.
    private func accept(_ snapshot: InboundSnapshot, as conversation: Conversation, into verdict: inout Verdict) {
        guard let statusField, let word = snapshot.observation.word, !profile.lens.isReadOnly else { return }
        var knowledge = snapshot.knowledge
        knowledge.seen = verdict.seen
        knowledge.base[statusField] = .string(word)
        knowledge.inDoubt.subtract([statusField])
        // A person who came by himself is not ours to take back.
        if let assigneeField, knowledge.seen[assigneeField] != knowledge.base[assigneeField] { knowledge.base[assigneeField] = nil }
        knowledge.remoteAssigneeID = remoteAssignee(of: conversation, snapshot)
        let wanted = project(conversation, knowing: knowledge).fields
        knowledge.base[statusField] = wanted[statusField] ?? .string(word)
        verdict.base = knowledge.base
        verdict.settled = [statusField]
    }

    private func remoteAssignee(of conversation: Conversation, _ snapshot: InboundSnapshot) -> String? {
        if conversation.assigneeID.hasSameBytes(as: snapshot.conversation.assigneeID) { return snapshot.knowledge.remoteAssigneeID }
        guard case .somebody(let id) = snapshot.observation.assignee, conversation.assigneeID.hasSameBytes(as: snapshot.reportedAssigneeID)
        else {
            return nil
        }
        return id
    }

    /// The remote is not followed: what it holds becomes the base, so that the local state is due again.
    private func reject(_ snapshot: InboundSnapshot, word: String, into verdict: inout Verdict) {
        guard let statusField, !profile.lens.isReadOnly else { return }
        verdict.base[statusField] = .string(word)
        if let assigneeField, verdict.seen[assigneeField] != verdict.base[assigneeField] { verdict.base[assigneeField] = nil }
        verdict.mustPlan = true
    }

    // MARK: Other fields

    private func remoteWins(_ snapshot: InboundSnapshot) -> Bool {
        switch profile.adoption.conflict {
        case .local: false
        case .remote: true
        case .newest:
            snapshot.observation.changedAt.map { changed in
                Instant(iso8601: snapshot.conversation.updatedAt).map { changed > $0 } ?? false
            } ?? false
        }
    }

    private func reconcileTitle(_ snapshot: InboundSnapshot, into verdict: inout Verdict) {
        guard let title = snapshot.observation.title else { return }
        let base = snapshot.knowledge.seen["title"] ?? snapshot.knowledge.base["title"]
        verdict.seen["title"] = .string(title)
        // The first report after an acknowledgement may show how the remote normalizes what it was sent. That is not a change.
        if snapshot.knowledge.seen["title"] == nil, base?.stringValue == title { return }
        let decision = FieldReconciliation.merge(
            remote: JSONValue.string(title), base: base, local: .nullable(snapshot.conversation.title), remoteWins: remoteWins(snapshot))
        switch decision {
        case .unchanged: return
        case .adopted, .conflictLost: verdict.changes.title = title
        case .conflictWon: verdict.mustPlan = true
        }
        verdict.base["title"] = .string(title)
    }

    private func reconcileTags(_ snapshot: InboundSnapshot, into verdict: inout Verdict) {
        guard let tags = snapshot.observation.tags, let local = snapshot.conversation.tags else { return }
        let base = (snapshot.knowledge.seen["tags"] ?? snapshot.knowledge.base["tags"])?.arrayValue?.compactMap(\.stringValue)
        let known = JSONValue.array(tags.map(JSONValue.string))
        verdict.seen["tags"] = known
        // As with the title: how a remote normalizes what it was sent is not a change.
        if snapshot.knowledge.seen["tags"] == nil, let base, Set(base) == Set(tags) { return }
        // A remote may keep tags in an order of its own: that is no change.
        guard let base, base.exactSet != tags.exactSet else { return }
        var merged = local
        if case .adopted(let changed) = FieldReconciliation.mergeSet(remote: tags, base: base, local: local) {
            merged = changed
            verdict.changes.tags = changed
        }
        verdict.base["tags"] = merged.exactSet == tags.exactSet ? .array(merged.map(JSONValue.string)) : known
        verdict.mustPlan = true
    }
}

extension StatusReconciliation.Decision {
    fileprivate var kind: Verdict.Kind {
        switch self {
        case .unmapped: .unmapped
        case .silent: .silent
        case .unchanged: .unchanged
        case .echo: .echo
        case .first: .first
        case .agreed, .finer, .attended: .kept
        case .adopted: .adopted
        case .conflictLost, .conflictWon: .conflict
        case .reopeningRefused: .refused
        }
    }
}
