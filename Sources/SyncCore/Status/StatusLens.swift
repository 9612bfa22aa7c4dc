/// Both halves of a remote's status map, with the law that joins them.
///
/// *If the outbound image of the local state equals the incoming status value, the local state stays as it is; otherwise it becomes the
/// inbound image.* So `ended` is not turned into `closed` because voicebot says `done`, which is what `ended` looks like there.
///
/// Two refinements of "equals": values with the same inbound image are one (vg's `completed` and `ended_chat`), and a conversation that
/// nobody here has does not look like one with a person who is named over there (voicebot's `in-progress` with a user).
///
/// ``TwoWayRules/put(_:user:onto:)`` is this law with people in place of owners, so what ``StatusLaws`` check is what is decided.
package struct StatusLens: Equatable, Sendable {
    package var outbound: StatusMap
    package var inbound: InboundMap

    package init(outbound: StatusMap, inbound: InboundMap) {
        self.outbound = outbound
        self.inbound = inbound
    }

    /// What a word does to a local state.
    package enum Image: Equatable, Sendable {
        /// The word is not mapped.
        case unmapped
        /// The word is mapped to "no statement".
        case silent
        /// The local state looks like this already.
        case stays
        /// Both are finished, and the local word says more exactly how.
        case finer
        case becomes(LocalState)
    }

    /// - Parameter hasAssignee: whether the remote names somebody who answers.
    package func image(of word: String, hasAssignee: Bool, onto local: LocalState) -> Image {
        guard let cell = inbound[word] else { return .unmapped }
        guard case .state(let status, let owner) = cell else {
            guard cell == .endsAI else { return .silent }
            return local == LocalState(.open, .ai) && !looks(local, like: word) ? .becomes(LocalState(.open, .none)) : .stays
        }
        // The end of a conversation takes it from nobody.
        let target = LocalState(status, status.isFinished ? local.owner : owner.applied(to: local.owner, hasAssignee: hasAssignee))
        if target == local { return .stays }
        let isTakenUp = hasAssignee && target.owner == .human && local.owner != .human
        if looks(local, like: word), !isTakenUp { return .stays }
        if local.status.isFinished, status.isFinished, inbound.isCoarse(word) { return .finer }
        return .becomes(target)
    }

    /// The local state after a word came in.
    package func put(_ word: String, hasAssignee: Bool = false, onto local: LocalState) -> LocalState {
        if case .becomes(let state) = image(of: word, hasAssignee: hasAssignee, onto: local) { return state }
        return local
    }

    /// Whether a local state is sent as that word, or as one that means the same.
    package func looks(_ local: LocalState, like word: String) -> Bool {
        guard case .word(let sent) = outbound[local] else { return false }
        return inbound.meanSame(sent, word)
    }

    /// Whether nothing is ever written about the status: then the remote's words are compared with each other only (fin).
    package var isReadOnly: Bool { outbound.words.isEmpty }
}

extension InboundMap.OwnerImage {
    package func applied(to owner: Owner, hasAssignee: Bool) -> Owner {
        switch self {
        case .ai: .ai
        case .none: .none
        case .human: .human
        case .unchanged: owner
        case .assignee: hasAssignee ? .human : owner
        case .named: hasAssignee ? .human : .none
        }
    }
}
