import GRDB

/// What becomes of a store whose files are not at their place any more.
extension Store {
    /// The end of a store: what its connection wrote would be lost or do damage.
    package struct Loss: Equatable, Sendable {
        package var error: StoreError
        /// Where a log is that belonged to the former content; nil when none was taken away.
        package var logAside: String?
        /// False when commits that were not in the database file yet went with the log.
        package var hasKeptCommits = true
    }

    /// Nil as long as everything that is committed is where others find it.
    package var loss: Loss? { lossState.withLock { $0.loss } }

    /// Calls back when the files are lost, at once where they are already.
    package func whenLost(_ tell: @escaping @Sendable (Loss) -> Void) {
        let loss = lossState.withLock { state in
            if state.loss == nil { state.tell = tell }
            return state.loss
        }
        if let loss { tell(loss) }
    }

    /// To be called before and after everything that is acknowledged, outside of any transaction.
    func verifyFiles(_ db: Database) throws {
        if let loss { throw loss.error }
        guard let found = files.loss() else { return }
        throw lose(found, db).error
    }

    /// Nothing is written any more, and the connection stays open until the process ends: closing it would bring the log's pages to
    /// whatever file is there, and delete whatever log is.
    private func lose(_ found: StoreLoss, _ db: Database) -> Loss {
        var loss = Loss(error: .replaced(path: path, detail: found.text(path)))
        if files.canStillCheckpoint(after: found) {
            // The commits of everybody who has this database open are in a file without a name: now or never.
            do {
                let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
                loss.hasKeptCommits = row.map { $0[1] as Int == $0[2] as Int } ?? false
            } catch {
                loss.hasKeptCommits = false
            }
        } else {
            loss.logAside = files.setStaleLogAside(after: found)
            loss.hasKeptCommits = found != .logReplaced
        }
        _ = Unmanaged.passRetained(queue)
        let end = loss
        let tell = lossState.withLock { state in
            state.loss = end
            defer { state.tell = nil }
            return state.tell
        }
        tell?(end)
        return end
    }

    /// An error whose cause may be that the files are gone.
    func explained(_ error: any Error) async -> StoreError {
        do {
            try await queue.writeWithoutTransaction { db in try self.verifyFiles(db) }
        } catch {
            if let loss { return loss.error }
        }
        return StoreError(error, path: path)
    }
}
