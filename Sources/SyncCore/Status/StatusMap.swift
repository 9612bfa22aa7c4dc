/// The state of a conversation in the local table, as far as remotes have status values for it.
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

/// The outbound half of a remote's status map: the remote's status value for each local state.
///
/// Total by construction: every one of the twelve local states has a cell. A cell is a status value of the remote, or no statement.
package struct StatusMap: Equatable, Sendable {
    /// One cell of the map.
    package enum Cell: Hashable, Sendable {
        /// Send this status value.
        case word(String)
        /// Send no status; written `"none"` in the configuration.
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

    /// Values that must not overwrite certain values of the remote: the value → the values it must not overwrite.
    ///
    /// The default of vg: `ai-chatting` never over `human-chatting` or `requested_chat`, because a bot must not take a chat from a person.
    package var neverOver: [String: Set<String>]

    package init(neverOver: [String: Set<String>] = [:], _ cell: (LocalState) -> Cell) {
        self.cells = Dictionary(uniqueKeysWithValues: LocalState.all.map { ($0, cell($0)) })
        self.neverOver = neverOver
    }

    package subscript(state: LocalState) -> Cell {
        get { cells[state] ?? .noStatement }
        set { cells[state] = newValue }
    }

    /// The value to send for a local state, given the value that the remote is known to have (nil if unknown).
    package func word(for state: LocalState, over remoteWord: String?) -> String? {
        guard case .word(let word) = self[state] else { return nil }
        if let remoteWord, neverOver[word]?.contains(remoteWord) == true { return nil }
        return word
    }

    /// Every value that the map can send, sorted.
    package var words: [String] {
        Set(
            cells.values.compactMap { cell in
                if case .word(let word) = cell { word } else { nil }
            }
        ).sorted()
    }

    /// The values that stand for several local states, which the remote therefore cannot distinguish, with these states.
    ///
    /// The owner of a finished conversation does not matter: for those, only another status counts.
    /// - Parameter tellsOwner: whether the remote is sent the assignee as well, so that the status value need not distinguish owners.
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
