import SyncCore

/// One configured cell of an outbound status map, as in `[remotes.NAME.status]`.
package struct StatusOverride: Equatable, Sendable {
    package var status: LocalStatus
    /// Nil: for every owner.
    package var owner: Owner?
    package var word: String

    package init(status: LocalStatus, owner: Owner?, word: String) {
        self.status = status
        self.owner = owner
        self.word = word
    }
}

extension StatusMap {
    /// The map with configured cells in place of its own.
    package func overridden(by overrides: [StatusOverride]) -> StatusMap {
        var map = self
        for change in overrides {
            for owner in Owner.allCases where change.owner == nil || change.owner == owner {
                map[LocalState(change.status, owner)] = Cell(configured: change.word)
            }
        }
        return map
    }
}
