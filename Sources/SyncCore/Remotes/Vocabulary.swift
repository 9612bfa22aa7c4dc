/// The status values of a kind of remote, and their default meanings (docs/remotes, "Status values" of each page).
package struct Vocabulary: Sendable {
    /// The value that is sent for each local state.
    package let outbound: StatusMap
    /// The meaning of each value when it is read.
    package let inbound: InboundMap
    /// The values that the vendor's documentation allows in a call; empty if no status can be written.
    package let writable: [String]
    /// The values that the vendor's documentation lists for reading; others are possible and unmapped.
    package let readable: [String]
    /// Sets of values that a remote may show in place of one another.
    package let spellings: [Set<String>]
    /// Keys that a cell of `[remotes.NAME.status.inbound]` had in earlier versions, with the message for a file that still has one.
    package let formerCellKeys: [String: String]

    /// - Parameter readable: nil: the same as `writable`.
    package init(
        outbound: StatusMap, inbound: InboundMap, writable: [String], readable: [String]? = nil, spellings: [Set<String>] = [],
        formerCellKeys: [String: String] = [:]
    ) {
        self.outbound = outbound
        self.inbound = inbound
        self.writable = writable
        self.readable = readable ?? writable
        self.spellings = spellings
        self.formerCellKeys = formerCellKeys
    }

    /// The values that the remote may show after it was sent this one, sorted.
    package func forms(of word: String) -> [String] { spellings.first { $0.contains(word) }?.sorted() ?? [word] }

    /// The values that mean "finished" by default, with all their spellings.
    var finished: Set<String> {
        Set(outbound.words(isFinished: true).flatMap(forms))
    }
}

extension StatusMap {
    /// The values sent for states that are finished, or for those that are not.
    func words(isFinished: Bool) -> Set<String> {
        Set(
            LocalState.all.filter { $0.status.isFinished == isFinished }.compactMap { state in
                if case .word(let word) = self[state] { word } else { nil }
            })
    }
}
