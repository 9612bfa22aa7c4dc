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
        /// Whoever the remote names, else nobody.
        case named
    }

    /// One cell of the map.
    package enum Cell: Hashable, Sendable {
        case state(LocalStatus, OwnerImage)
        /// The AI's part is over: an open conversation that the AI has is nobody's, any other stays as it is; written `"ends_ai"` in the
        /// configuration. The default of fin's `complete`, which "does not close the conversation" (docs/remotes/fin.md).
        case endsAI
        /// The word is known and says nothing; written `"none"` in the configuration.
        case noStatement
    }

    /// Words without a cell are *unmapped*: nothing is done because of them, and they are reported.
    package var cells: [String: Cell]

    package init(_ cells: [String: Cell] = [:]) {
        self.cells = cells
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
