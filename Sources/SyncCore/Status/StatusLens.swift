/// Both halves of a remote's status map, with the rule that connects them.
///
/// *If the outbound image of the local state equals the incoming status value, the local state stays as it is; otherwise it becomes the
/// inbound image.* So `ended` is not turned into `closed` by voicebot's `done`, because `done` is also what is sent for `ended`.
///
/// Two refinements of "equals": values with the same inbound image are equal (vg's `completed` and `ended_chat`), and a conversation
/// without a local owner does not match a value with a person assigned at the remote (voicebot's `in-progress` with a user).
///
/// ``TwoWayRules/put(_:user:onto:)`` is this rule with people in place of owners, so ``StatusLaws`` checks the decisions that are really
/// made.
package struct StatusLens: Equatable, Sendable {
    package var outbound: StatusMap
    package var inbound: InboundMap

    package init(outbound: StatusMap, inbound: InboundMap) {
        self.outbound = outbound
        self.inbound = inbound
    }

    /// The effect of a status value on a local state.
    package enum Image: Equatable, Sendable {
        /// The value is not mapped.
        case unmapped
        /// The value is mapped to "no statement".
        case silent
        /// The local state already matches the value.
        case stays
        /// Both are finished, and the local status is more specific.
        case finer
        case becomes(LocalState)
    }

    /// - Parameter hasAssignee: whether the remote names an assignee.
    package func image(of word: String, hasAssignee: Bool, onto local: LocalState) -> Image {
        guard let cell = inbound[word] else { return .unmapped }
        guard case .state(let status, let owner) = cell else {
            guard cell == .endsAI else { return .silent }
            return local == LocalState(.open, .ai) && !looks(local, like: word) ? .becomes(LocalState(.open, .none)) : .stays
        }
        // A finished conversation keeps its owner.
        let target = LocalState(status, status.isFinished ? local.owner : owner.applied(to: local.owner, hasAssignee: hasAssignee))
        if target == local { return .stays }
        let isTakenUp = hasAssignee && target.owner == .human && local.owner != .human
        if looks(local, like: word), !isTakenUp { return .stays }
        if local.status.isFinished, status.isFinished, inbound.isCoarse(word) { return .finer }
        return .becomes(target)
    }

    /// The local state after a status value was received.
    package func put(_ word: String, hasAssignee: Bool = false, onto local: LocalState) -> LocalState {
        if case .becomes(let state) = image(of: word, hasAssignee: hasAssignee, onto: local) { return state }
        return local
    }

    /// Whether a local state is sent as that value, or as one with the same meaning.
    package func looks(_ local: LocalState, like word: String) -> Bool {
        guard case .word(let sent) = outbound[local] else { return false }
        return inbound.meanSame(sent, word)
    }

    /// Whether the status is never written: then the remote's values are compared only with each other (fin).
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
