/// What the local table says about a conversation, as far as remotes have words for it.
package struct LocalState: Hashable, Sendable {
    package var status: LocalStatus
    package var owner: Owner

    package init(_ status: LocalStatus, _ owner: Owner) {
        self.status = status
        self.owner = owner
    }

    /// All twelve, in the order in which tables show them.
    package static let all: [LocalState] = LocalStatus.allCases.flatMap { status in
        Owner.allCases.map { LocalState(status, $0) }
    }
}

/// The outbound half of a remote's status map: which word says a local state over there.
///
/// Total by construction: every one of the twelve local states has a cell. A cell is a word of the remote, or no statement at all.
package struct StatusMap: Equatable, Sendable {
    /// One cell of the map.
    package enum Cell: Hashable, Sendable {
        /// Send this word.
        case word(String)
        /// Say nothing about the status; written `"none"` in the configuration.
        case noStatement

        package init(configured text: String) {
            self = text == "none" ? .noStatement : .word(text)
        }

        package var text: String {
            switch self {
            case .word(let word): word
            case .noStatement: "none"
            }
        }
    }

    private var cells: [LocalState: Cell]

    /// Words that must not be written over certain words of the remote: word → words it gives way to.
    ///
    /// The default of vg: `ai-chatting` never over `human-chatting` or `requested_chat`, because a bot must not take a chat from a
    /// person.
    package var neverOver: [String: Set<String>]

    package init(neverOver: [String: Set<String>] = [:], _ cell: (LocalState) -> Cell) {
        self.cells = Dictionary(uniqueKeysWithValues: LocalState.all.map { ($0, cell($0)) })
        self.neverOver = neverOver
    }

    package subscript(state: LocalState) -> Cell {
        get { cells[state] ?? .noStatement }
        set { cells[state] = newValue }
    }

    /// The word to send for a local state, given the word the remote is known to hold (nil when nothing is known).
    package func word(for state: LocalState, over remoteWord: String?) -> String? {
        guard case .word(let word) = self[state] else { return nil }
        if let remoteWord, neverOver[word]?.contains(remoteWord) == true { return nil }
        return word
    }

    /// Every word the map can send, sorted.
    package var words: [String] {
        Set(
            cells.values.compactMap { cell in
                if case .word(let word) = cell { word } else { nil }
            }
        ).sorted()
    }

    /// The values that stand for several local states which the remote cannot tell apart, with these states.
    ///
    /// Of a conversation that is over nobody asks who answers: there, only another status counts.
    /// - Parameter tellsOwner: whether the remote is told the assignee as well, so that the owner need not be in the status value.
    package func ambiguous(tellsOwner: Bool) -> [String: [LocalState]] {
        var statesByWord: [String: [LocalState]] = [:]
        for state in LocalState.all {
            if case .word(let word) = self[state] { statesByWord[word, default: []].append(state) }
        }
        return statesByWord.filter { _, states in
            Set(states.map(\.status)).count > 1 || (!tellsOwner && states.count { !$0.status.isFinished } > 1)
        }
    }
}
