/// Decides what a remote's status word does to a conversation: a three-way comparison of what the remote says now, what it was last
/// known to say, and what the local row says.
///
/// | the remote says                    | the local row | decision                                                        |
/// |------------------------------------|---------------|-----------------------------------------------------------------|
/// | a word without a cell              | any           | unmapped: nothing happens, reported once                        |
/// | a word mapped to "no statement"    | any           | silent                                                          |
/// | what it said before                | any           | unchanged                                                       |
/// | what a call of unknown fate carried | any          | echo                                                            |
/// | anything, for the first time       | any           | first: the local projection is sent once; guards know the word  |
/// | something else                     | looks like it | agreed: an echo, or both sides came to the same                 |
/// | something else                     | unchanged     | adopted                                                         |
/// | something else                     | changed, too  | conflict, by policy                                             |
/// | open, would be adopted             | finished      | adopted with evidence, reopening refused without                |
package struct StatusReconciliation: Sendable {
    /// What the remote was last known to say: seen, or acknowledged.
    package struct Known: Equatable, Sendable {
        package var word: String
        package var assignee: Observation.Assignee
        /// When that was seen last.
        package var at: Instant?

        package init(word: String, assignee: Observation.Assignee = .unknown, at: Instant? = nil) {
            self.word = word
            self.assignee = assignee
            self.at = at
        }
    }

    /// The local side.
    package struct Local: Equatable, Sendable {
        package var state: LocalState
        /// Whether something about status or assignee is due to be sent to this very remote.
        package var isDue: Bool
        /// When status or assignee last changed.
        package var changedAt: Instant
        /// When the status last changed: what a message has to be newer than to reopen a finished conversation.
        package var statusChangedAt: Instant
        /// When the end user last wrote.
        package var lastUserMessageAt: Instant?

        package init(
            state: LocalState, isDue: Bool = false, changedAt: Instant, statusChangedAt: Instant? = nil, lastUserMessageAt: Instant? = nil
        ) {
            self.state = state
            self.isDue = isDue
            self.changedAt = changedAt
            self.statusChangedAt = statusChangedAt ?? changedAt
            self.lastUserMessageAt = lastUserMessageAt
        }
    }

    package enum Decision: Equatable, Sendable {
        case unmapped
        case silent
        case unchanged
        case echo
        case first
        /// The local state looks like that word over there.
        case agreed
        /// The local word is finer than the remote's of the same class.
        case finer
        /// A person has the conversation; a remote that is told nothing (fin) does not take it away by going on, or by asking for one.
        case attended
        case adopted(LocalState)
        /// Both changed, the remote's change wins.
        case conflictLost(LocalState)
        /// Both changed, the local change wins.
        case conflictWon
        case reopeningRefused
    }

    package var lens: StatusLens
    package var policy: AdoptionPolicy

    package init(lens: StatusLens, policy: AdoptionPolicy) {
        self.lens = lens
        self.policy = policy
    }

    /// - Parameter attempted: the word of a call whose fate is unknown.
    package func decide(_ seen: Observation, word: String, known: Known?, attempted: String?, local: Local) -> Decision {
        guard let cell = lens.inbound[word] else { return .unmapped }
        guard case .state(_, let owner) = cell, !isSilent(word, after: known?.word) else { return .silent }
        if let attempted, lens.inbound.meanSame(attempted, word), !isTakeover(seen, owner, known) { return .echo }
        if let known {
            if lens.inbound.meanSame(known.word, word), !isTakeover(seen, owner, known) { return .unchanged }
        } else if !lens.isReadOnly {
            return .first
        } else if cell == .state(.open, .ai) {
            // A conversation at a remote that is never told anything begins with the AI.
            return .unchanged
        }
        switch lens.image(of: word, hasAssignee: seen.assignee.isSomebody, onto: local.state) {
        case .unmapped: return .unmapped
        case .silent: return .silent
        case .stays: return isTakeover(seen, owner, known) && local.state.owner == .human ? takeover(seen, local, known) : .agreed
        case .finer: return .finer
        case .becomes(let state): return merge(state, seen, local, known)
        }
    }

    /// A word that comes after a later one, which would have said nothing had they come in order: `complete` was taken for the end of the
    /// conversation, and then an older `escalated` arrives. What was taken over for want of it is taken back.
    /// - Parameter at: the remote's date of the later word.
    /// - Returns: nil where the late word changes nothing.
    package func decideLate(_ word: String, after later: String, at: Instant, local: Local) -> LocalState? {
        guard lens.inbound.silentAfter[later]?.contains(word) == true, case .state(let taken, _) = lens.inbound[later],
            case .state(let status, let owner) = lens.inbound[word], local.state.status == taken, local.statusChangedAt == at
        else { return nil }
        return LocalState(status, owner.applied(to: local.state.owner, hasAssignee: false))
    }

    private func isSilent(_ word: String, after known: String?) -> Bool {
        known.map { lens.inbound.silentAfter[word]?.contains($0) == true } ?? false
    }

    /// Somebody over there took the conversation who did not have it before.
    private func isTakeover(_ seen: Observation, _ owner: InboundMap.OwnerImage, _ known: Known?) -> Bool {
        guard owner == .assignee || owner == .human, seen.assignee.isSomebody else { return false }
        return seen.assignee != known?.assignee
    }

    /// A person takes over from a person: the state stays, the assignee changes.
    private func takeover(_ seen: Observation, _ local: Local, _ known: Known?) -> Decision {
        if local.isDue, !remoteWins(seen, local, known) { return .conflictWon }
        return .adopted(local.state)
    }

    private func merge(_ state: LocalState, _ seen: Observation, _ local: Local, _ known: Known?) -> Decision {
        // A remote that is told nothing does not know that a person has the conversation by now.
        if lens.isReadOnly, !state.status.isFinished, state.owner != .human, local.state == LocalState(.open, .human) { return .attended }
        let isConflict = lens.isReadOnly ? seen.changedAt.map { local.changedAt > $0 } ?? false : local.isDue
        if isConflict, !remoteWins(seen, local, known) { return .conflictWon }
        if local.state.status.isFinished, !state.status.isFinished, !mayReopen(seen, local) { return .reopeningRefused }
        return isConflict ? .conflictLost(state) : .adopted(state)
    }

    private func remoteWins(_ seen: Observation, _ local: Local, _ known: Known?) -> Bool {
        switch policy.conflict {
        case .local: return false
        case .remote: return true
        case .newest:
            if let changedAt = seen.changedAt { return changedAt > local.changedAt }
            // The remote changed after the last look at it. If the local change came before that look, it is the older one.
            return known?.at.map { local.changedAt < $0 } ?? false
        }
    }

    private func mayReopen(_ seen: Observation, _ local: Local) -> Bool {
        switch policy.reopening {
        case .always: true
        case .never: false
        case .message: [seen.lastUserMessageAt, local.lastUserMessageAt].contains { $0.map { $0 > local.statusChangedAt } ?? false }
        }
    }
}
