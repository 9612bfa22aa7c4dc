/// A position in an agent's list: newest first, equal times by id.
struct VGListPosition: Comparable, Sendable {
    let time: Int
    let id: String

    init(time: Int, id: String) {
        self.time = time
        self.id = id
    }

    init?(cursor: String) {
        let parts = cursor.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Int(parts[0]) else { return nil }
        self.init(time: time, id: String(parts[1]))
    }

    /// An opaque text for clients. In a query it has to be percent-encoded if the id requires it.
    var cursor: String { "\(time).\(id)" }

    static func < (left: VGListPosition, right: VGListPosition) -> Bool {
        left.time == right.time ? left.id < right.id : left.time > right.time
    }
}

/// The order of one agent's list, kept between pages, because a list of ten thousand conversations has five hundred pages.
struct VGListOrder: Sendable {
    /// The inputs of the order; it is recomputed when they change.
    struct Basis: Equatable, Sendable {
        let agent: String
        let changeCount: Int
        let staleChanges: Int
        let byLastModified: Bool
        let deleted: Set<String>
    }

    let basis: Basis
    let positions: [VGListPosition]

    /// The positions after a cursor, by binary search.
    func after(_ position: VGListPosition?) -> ArraySlice<VGListPosition> {
        guard let position else { return positions[...] }
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] > position { high = middle } else { low = middle + 1 }
        }
        return positions[low...]
    }
}
