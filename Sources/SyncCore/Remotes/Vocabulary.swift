/// The status values of a kind of remote, and what they mean by default (docs/remotes, "Status values" of each page).
package struct Vocabulary: Sendable {
    /// What is sent for a local state.
    package let outbound: StatusMap
    /// What the values mean when they are read.
    package let inbound: InboundMap
    /// The values that the kind's document allows in a call; none where no status can be written.
    package let writable: [String]
    /// The values that the documents list for reading; others are possible and unmapped.
    package let readable: [String]
    /// Values that a remote may show for one another.
    package let spellings: [Set<String>]
    /// Keys that a cell of `[remotes.NAME.status.inbound]` had in earlier versions, with what a file that has one is told.
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

    /// The forms in which the remote may show what it was told, sorted.
    package func forms(of word: String) -> [String] { spellings.first { $0.contains(word) }?.sorted() ?? [word] }

    /// The values that mean "finished" by default, in all their forms.
    var finished: Set<String> {
        Set(outbound.words(isFinished: true).flatMap(forms))
    }
}

extension StatusMap {
    /// What is sent for states that are finished, or for those that are not.
    func words(isFinished: Bool) -> Set<String> {
        Set(
            LocalState.all.filter { $0.status.isFinished == isFinished }.compactMap { state in
                if case .word(let word) = self[state] { word } else { nil }
            })
    }
}
