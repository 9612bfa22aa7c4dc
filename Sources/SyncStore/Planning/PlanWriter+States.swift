import SyncCore

/// Planning of the states of conversations.
extension PlanWriter {
    /// Plans the next conversations of the feed.
    ///
    /// Entries whose key cannot be used are put aside (see ``StoredKey/text``), and so are those that cannot be planned (``PutAside``).
    /// - Parameter limit: the most entries that are read. All other entries of the same conversations are planned with them.
    mutating func planStates(limit: Int) throws {
        let limit = min(limit, PlanWriter.pageSize)
        let entries = try Store.readyEntries(of: feedTargets, limit: limit, session)
        guard !entries.isEmpty else { return }
        batch.foreignRemotes += try Store.markForeignFingerprints(session, others + pushedLast)
        var planned: Set<StoredKey> = []
        for entry in entries where !planned.contains(entry.conversation) {
            if isLate { break }
            // A conversation that is on the feed again is planned for all remotes in its current state.
            if try planConversation(entry.conversation) != .adopted { planned.insert(entry.conversation) }
        }
        try endAttempts()
    }

    private mutating func planConversation(_ key: StoredKey) throws -> Step {
        forgetConversation()
        reach = Brake.Reaches()
        defer { batch.reach = batch.reach + reach }
        guard let id = key.text else {
            try putAsideKey(key)
            return .putAside
        }
        let entries = try Store.waitingEntries(of: id, at: feedTargets, session)
        let atOnce = entries.map(\.entry).filter { entry in !pushedLast.contains { entry.target == .remote($0.name) } }
        // An entry for every remote includes the entries for single remotes.
        let standsForAll = atOnce.first?.target == .everyRemote
        for entry in standsForAll ? Array(atOnce.prefix(1)) : atOnce {
            let count = standsForAll ? atOnce.count : 1
            let step = try attempt(
                as: "change of \(id) at \(entry.target)", { try $0.planEntry(entry, id, count) },
                putAside: { try $0.putAside(entry, count, because: $1) })
            switch step {
            case .adopted: return .adopted
            case .putAside where entry.target == .everyRemote: return .putAside
            case .putAside, .planned: continue
            }
        }
        return try planLast(id)
    }

    /// - Parameter count: how many entries it stands for.
    private mutating func planEntry(_ entry: FeedEntry, _ id: String, _ count: Int) throws -> Step {
        countExamined(count)
        if entry.target == .everyRemote { try expand(id) }
        let remotes = others.filter { entry.target.includes($0.name) }
        for remote in remotes where try plan(id, at: remote) {
            batch.takenOff += 1
            return .adopted
        }
        batch.takenOff += try takeOff(id, entry.target, with: remotes) == 1 ? count : 0
        return .planned
    }

    private mutating func planLast(_ id: String) throws -> Step {
        guard !pushedLast.isEmpty else { return .planned }
        for waiting in try Store.waitingEntries(of: id, at: pushedLast.map { .remote($0.name) }, session) {
            guard let remote = pushedLast.first(where: { waiting.entry.target == .remote($0.name) }) else { continue }
            if try mustWait(waiting, id) { continue }
            let step = try attempt(as: "last change of \(id) at \(remote.name)") { writer in
                writer.countExamined(1)
                let isAdopted = try writer.plan(id, at: remote)
                writer.batch.takenOff += isAdopted ? 1 : try writer.takeOff(id, waiting.entry.target, with: [])
                return isAdopted ? .adopted : .planned
            } putAside: {
                try $0.putAside(waiting.entry, 1, because: $1)
            }
            if step == .adopted { return .adopted }
        }
        return .planned
    }

    /// Whether calls of the conversation to other remotes come first. If so, the entry is marked as waiting.
    private func mustWait(_ waiting: WaitingEntry, _ id: String) throws -> Bool {
        if let since = waiting.waitsSince, since <= overdue.iso8601 { return false }
        guard try isBlocked(id) else { return false }
        if !waiting.isWaiting {
            try session.run(
                """
                UPDATE change_feed SET deferred = 3, waits_since = coalesce(waits_since, \(context.now))
                WHERE conversation_id = \(id) AND remote = \(waiting.entry.target)
                """)
        }
        return true
    }

    /// There is a call in flight, or a first attempt that is due. Rows behind others do not count: the row in front of them counts, or cannot be sent
    /// now.
    private func isBlocked(_ id: String) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM outbox
            WHERE conversation_id = \(id) AND state = 'sending' AND remote NOT IN \(in: pushedLast.map(\.name))
            UNION ALL SELECT 1 FROM outbox
            WHERE conversation_id = \(id) AND remote IN \(in: delivering) AND state = 'pending' AND attempts = 0 AND behind = 0
                AND held_by IS NULL AND due_at <= \(context.now)
            """)
    }

    private mutating func countExamined(_ count: Int) {
        batch.examined += count
        batch.examinedStates += count
    }

    // MARK: The feed

    /// Adds an entry for each remote that is pushed last. An entry that exists keeps the start of its wait.
    private func expand(_ id: String) throws {
        for remote in pushedLast {
            try session.run(
                """
                INSERT INTO change_feed (conversation_id, remote, changed_at, since)
                SELECT conversation_id, \(remote.name), changed_at, since FROM change_feed
                WHERE conversation_id = \(id) AND remote = \(FeedTarget.everyRemote)
                ON CONFLICT (conversation_id, remote)
                    DO UPDATE SET changed_at = excluded.changed_at, deferred = 0, since = min(since, excluded.since)
                """)
        }
    }

    /// - Parameter remotes: the remotes that an entry for every remote was planned for.
    /// - Returns: 1 if the entry was removed or waits for a call, 0 if it is unchanged.
    private func takeOff(_ id: String, _ target: FeedTarget, with remotes: [RemoteParticipation]) throws -> Int {
        let takeOff = { (target: FeedTarget) in
            try session.run("DELETE FROM change_feed WHERE conversation_id = \(id) AND remote = \(target) AND deferred <> 1")
        }
        let gone = try takeOff(target)
        if target == .everyRemote {
            for remote in remotes { _ = try takeOff(.remote(remote.name)) }
        } else if gone == 0 {
            return try session.value(
                "SELECT count(*) FROM change_feed WHERE conversation_id = \(id) AND remote = \(target) AND deferred <> 0") ?? 0
        }
        return gone
    }

    /// Puts entries whose key cannot be used aside until their row is written again, so that they do not stop the others.
    private mutating func putAsideKey(_ key: StoredKey) throws {
        let count = try session.run(
            """
            UPDATE change_feed SET deferred = 2
            WHERE conversation_id = \(key) AND deferred = 0 AND remote IN \(in: feedTargets)
            """)
        countExamined(count)
        batch.takenOff += count
        batch.unreadable += Array(repeating: UnreadableKey(conversation: key), count: count)
    }

    private mutating func putAside(_ entry: FeedEntry, _ count: Int, because problem: String) throws {
        countExamined(count)
        batch.takenOff += count
        if entry.target == .everyRemote {
            // An entry for every remote includes the entries for single remotes.
            try session.run(
                """
                DELETE FROM change_feed
                WHERE conversation_id = \(entry.conversation) AND remote <> \(FeedTarget.everyRemote) AND deferred <> 1
                """)
        }
        let since: String? = try session.value(
            """
            UPDATE change_feed SET deferred = 2, problem = \(problem)
            WHERE conversation_id = \(entry.conversation) AND remote = \(entry.target)
            RETURNING since
            """)
        batch.putAside.append(
            PutAside(
                conversationID: entry.conversation.repaired, remote: entry.target.remote, problem: problem,
                since: since))
    }
}
