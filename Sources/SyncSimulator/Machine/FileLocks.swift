/// The locks on one database file, by handle: those of the file ("File Locking And Concurrency In SQLite Version 3",
/// https://sqlite.org/lockingv3.html) and those of its shared memory ("WAL-mode File Format", https://sqlite.org/walformat.html).
struct FileLocks {
    /// A lock level of a handle, in the order of strength.
    enum Level: Int32, Comparable {
        case none, shared, reserved, pending, exclusive

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    static let slotCount = 8

    private var levels: [Int: Level] = [:]
    private var readers = [Set<Int>](repeating: [], count: slotCount)
    private var writers = [Int?](repeating: nil, count: slotCount)

    func level(of handle: Int) -> Level { levels[handle] ?? .none }

    private func others(_ handle: Int, _ condition: (Level) -> Bool) -> Bool {
        levels.contains { $0.key != handle && condition($0.value) }
    }

    /// - Returns: whether the handle has the lock now.
    mutating func lock(_ handle: Int, _ wanted: Level) -> Bool {
        guard level(of: handle) < wanted else { return true }
        switch wanted {
        case .none: return true
        case .shared: guard !others(handle, { $0 >= .pending }) else { return false }
        case .reserved, .pending: guard !others(handle, { $0 >= .reserved }) else { return false }
        case .exclusive:
            guard !others(handle, { $0 >= .reserved }) else { return false }
            guard !others(handle, { $0 >= .shared }) else {
                levels[handle] = .pending
                return false
            }
        }
        levels[handle] = wanted
        return true
    }

    mutating func unlock(_ handle: Int, to level: Level) {
        guard self.level(of: handle) > level else { return }
        levels[handle] = level == .none ? nil : level
    }

    var isReserved: Bool { levels.values.contains { $0 >= .reserved } }

    // MARK: Shared memory

    mutating func lockSlots(_ handle: Int, _ slots: Range<Int>, exclusive: Bool) -> Bool {
        for slot in slots {
            if let writer = writers[slot], writer != handle { return false }
            if exclusive, readers[slot].contains(where: { $0 != handle }) { return false }
        }
        for slot in slots {
            if exclusive { writers[slot] = handle } else { readers[slot].insert(handle) }
        }
        return true
    }

    mutating func unlockSlots(_ handle: Int, _ slots: Range<Int>) {
        for slot in slots {
            if writers[slot] == handle { writers[slot] = nil }
            readers[slot].remove(handle)
        }
    }

    mutating func unlockAll(_ handle: Int) {
        levels[handle] = nil
        unlockSlots(handle, 0..<FileLocks.slotCount)
    }
}
