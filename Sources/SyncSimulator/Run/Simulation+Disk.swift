import SyncCore
import SyncEngine
import SyncStore

/// What happens to the disk, and to the write lock of the database.
extension Simulation {
    /// Whether the database refuses to be written because of something that happened here.
    func isExpected(_ error: StoreError) -> Bool {
        switch error {
        case .locked: lockHolder != nil
        case .full: disk.capacity < Int.max
        default: false
        }
    }

    /// What the application or an operator does. They are told that the database cannot be written, and leave it at that.
    /// - Returns: whether it was done.
    @discardableResult
    func attempt(_ work: () async throws -> Void) async throws -> Bool {
        do {
            try await work()
            return true
        } catch let error as StoreError where isExpected(error) {
            count("changes that the database did not take")
            note("not done: \(error)")
            return false
        }
    }

    // MARK: A full disk

    func fillDisk() {
        guard !isCalm, plan.fillsDisk else { return }
        after(gap(20_000...200_000), .diskFills)
        count("times without room on the disk")
        disk.capacity = disk.used + number(0...40_000)
        note("the disk has room for \(disk.capacity - disk.used) bytes")
        after(span(500...30_000), .diskHasRoom)
    }

    func makeRoom() {
        disk.capacity = .max
        note("the disk has room")
        committed()
    }

    // MARK: The write lock

    /// The application begins a transaction and leaves it open.
    func lockDatabase() async throws {
        guard !isCalm, plan.locksDatabase else { return }
        after(gap(10_000...120_000), .databaseIsLocked)
        guard lockHolder == nil, disk.capacity == .max else { return }
        count("times that the database was locked")
        note("the database is locked")
        lockHolder = try await application.beginTransaction(disk)
        after(span(100...20_000), .databaseIsFree)
    }

    func freeDatabase() async throws {
        guard let holder = lockHolder else { return }
        note("the database is free")
        holder.rollBack()
        lockHolder = nil
        committed()
    }

    // MARK: Power

    /// The machine loses its power and starts again; what was not synced may be gone.
    func losePower() throws {
        count("power cuts")
        note("the power fails")
        boots += 1
        lockHolder?.rollBack()
        lockHolder = nil
        disk.capacity = .max
        application.crash()
        disk.losePower(&random)
        try application.open(disk)
    }
}
