/// The inbound half of a remote's status map: the meaning of each of the remote's status values for a conversation.
package struct InboundMap: Equatable, Sendable {
    /// The meaning of a status value for the owner of the conversation.
    package enum OwnerImage: String, CaseIterable, Sendable {
        case ai
        case none
        case human
        /// Nothing: the owner stays as it is.
        case unchanged
        /// A person if the remote names an assignee; otherwise the owner stays as it is.
        case assignee
        /// The person that the remote names, or nobody.
        case named
    }

    /// One cell of the map.
    package enum Cell: Hashable, Sendable {
        case state(LocalStatus, OwnerImage)
        /// The AI's part is over: an open conversation that the AI has becomes unassigned, any other stays as it is; written `"ends_ai"` in
        /// the configuration. The default of fin's `complete`, which "does not close the conversation" (docs/remotes/fin.md).
        case endsAI
        /// The value is known and has no meaning; written `"none"` in the configuration.
        case noStatement
    }

    /// Values without a cell are *unmapped*: they have no effect, and they are reported.
    package var cells: [String: Cell]

    package init(_ cells: [String: Cell] = [:]) {
        self.cells = cells
    }

    package subscript(word: String) -> Cell? { cells[word] }

    /// Whether two status values have the same meaning (vg's `completed` and `ended_chat`).
    package func meanSame(_ left: String, _ right: String) -> Bool {
        left == right || (cells[left] != nil && cells[left] == cells[right])
    }

    /// Whether a status value is coarser than the local status that it maps to: it stands for "finished" in general, not for one form of
    /// it.
    package func isCoarse(_ word: String) -> Bool {
        guard case .state(let status, _) = cells[word] else { return false }
        return status.isFinished && word != status.rawValue
    }
}
