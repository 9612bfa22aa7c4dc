/// Three-way comparison of fields that are no status: what the remote says now, what it last was known to say, and the local value.
package enum FieldReconciliation {
    package enum Decision<Value: Equatable & Sendable>: Equatable, Sendable {
        /// The remote says what it said before, or what the local row says.
        case unchanged
        case adopted(Value)
        /// Both changed, the remote's value wins.
        case conflictLost(Value)
        /// Both changed, the local value wins.
        case conflictWon
    }

    /// A field that is replaced as a whole (a title).
    package static func merge<Value: Equatable & Sendable>(
        remote: Value, base: Value?, local: Value?, remoteWins: Bool
    ) -> Decision<Value> {
        // Nothing is known yet: the local value is sent once.
        guard let base, remote != base, remote != local else { return .unchanged }
        if local == base { return .adopted(remote) }
        return remoteWins ? .conflictLost(remote) : .conflictWon
    }

    /// A set (tags): what was added and what was removed over there since the base is added and removed here, everything else stays.
    ///
    /// The base is the tombstone of removals that a remote cannot be told (vg merges tags): a tag that was removed locally and is still
    /// over there is part of the base, so it is no addition and does not come back.
    package static func mergeSet(remote: [String], base: [String]?, local: [String]) -> Decision<[String]> {
        guard let base else { return .unchanged }
        let known = base.exactSet.union(local.exactSet)
        let added = remote.filter { !known.contains(ExactText($0)) }
        let removed = base.exactSet.subtracting(remote.exactSet)
        let kept = local.filter { !removed.contains(ExactText($0)) }
        return added.isEmpty && kept.count == local.count ? .unchanged : .adopted(kept + added)
    }
}
