/// The inbound half of a remote's status map: what a word of the remote says about a conversation.
package struct InboundMap: Equatable, Sendable {
    /// What a word says about who has to answer.
    package enum OwnerImage: String, CaseIterable, Sendable {
        case ai
        case none
        case human
        /// Nothing: the owner stays as it is.
        case unchanged
        /// A person where the remote names an assignee; nothing otherwise.
        case assignee
    }

    /// One cell of the map.
    package enum Cell: Hashable, Sendable {
        case state(LocalStatus, OwnerImage)
        /// The word is known and says nothing; written `"none"` in the configuration.
        case noStatement
    }

    /// Words without a cell are *unmapped*: nothing is done because of them, and they are reported.
    package var cells: [String: Cell]

    /// Words that say nothing when they follow certain others: word → words before it.
    ///
    /// The default of fin: `complete` says nothing after `resolved` or `escalated`, because it ends every conversation.
    package var silentAfter: [String: Set<String>]

    package init(_ cells: [String: Cell] = [:], silentAfter: [String: Set<String>] = [:]) {
        self.cells = cells
        self.silentAfter = silentAfter
    }

    package subscript(word: String) -> Cell? { cells[word] }

    /// Whether two words say the same (vg's `completed` and `ended_chat`).
    package func meanSame(_ left: String, _ right: String) -> Bool {
        left == right || (cells[left] != nil && cells[left] == cells[right])
    }

    /// Whether a word is coarser than the local status that it maps to: it stands for "finished", not for one way of being so.
    package func isCoarse(_ word: String) -> Bool {
        guard case .state(let status, _) = cells[word] else { return false }
        return status.isFinished && word != status.rawValue
    }
}
