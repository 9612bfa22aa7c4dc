import SyncCore

/// The target of a feed entry: the column `remote` of `change_feed` and `message_feed`.
enum FeedTarget: Hashable, Sendable {
    /// All remotes that take part.
    case everyRemote
    case remote(String)
    /// A message that was committed before its conversation; only in `message_feed`.
    case conversationMissing
    /// A message that cannot be planned; only in `message_feed`.
    case putAside

    init(column: String) {
        self =
            switch column {
            case "": .everyRemote
            case "-": .conversationMissing
            case "!": .putAside
            default: .remote(column)
            }
    }

    var column: String {
        switch self {
        case .everyRemote: ""
        case .remote(let name): name
        case .conversationMissing: "-"
        case .putAside: "!"
        }
    }

    /// Nil if the entry is not for a single remote.
    var remote: String? {
        if case .remote(let name) = self { name } else { nil }
    }

    func includes(_ remote: String) -> Bool { self == .everyRemote || self == .remote(remote) }
}

extension FeedTarget: SQLConvertible, ColumnValue {
    var sqlValue: SQLValue { .text(column) }

    init?(_ source: any ColumnSource, _ index: Int) {
        guard let column = String(source, index) else { return nil }
        self.init(column: column)
    }
}
