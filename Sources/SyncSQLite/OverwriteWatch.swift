/// Detects that the database file was written by something other than SQLite: another file was copied over it.
///
/// In WAL mode, SQLite writes to the database file only as part of a checkpoint, and a checkpoint leaves a trace in the wal-index:
/// `nBackfillAttempted` is set before the first page is written and `nBackfill` after the last, and both start again with other salts when
/// the log does ("WAL-mode File Format", https://sqlite.org/walformat.html, section 2). So:
///
/// | the file's content or size | the wal-index | conclusion                                           |
/// |----------------------------|---------------|------------------------------------------------------|
/// | changed                    | the same      | overwritten                                          |
/// | changed                    | changed       | a checkpoint                                         |
/// | the same                   | either        | nothing; also where the file's time changed (`touch`) |
/// | either                     | a checkpoint is in progress, or was interrupted | none; the next check starts over |
///
/// Invariant: operations of connections in WAL mode (VACUUM, checkpoints of every kind, a restore by the backup interface) are never taken
/// for an overwrite.
struct OverwriteWatch: Equatable, Sendable {
    /// The file and the wal-index at a time at which no checkpoint is in progress.
    struct Snapshot: Equatable, Sendable {
        var file: FileState
        var log: LogState
    }

    struct FileState: Equatable, Sendable {
        var size: Int64
        /// A hash of blocks that are spread over the file (``StoreFiles``); of the whole file if it is small.
        var content: Int
    }

    /// The state of the log and its checkpoints in the wal-index.
    struct LogState: Equatable, Sendable {
        /// The number of bytes of the wal-index that are needed.
        static let length = 132

        var salts: UInt64
        var backfilled: UInt32
        var attempted: UInt32

        /// - Parameter bytes: the beginning of the -shm file, in this machine's byte order.
        /// - Returns: nil for another format, or one that is being written.
        init?(_ bytes: [UInt8]) {
            guard bytes.count >= LogState.length, bytes[0..<48] == bytes[48..<96] else { return nil }
            func number(_ offset: Int) -> UInt32 {
                bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
            }
            guard number(0) == 3_007_000 else { return nil }
            salts = UInt64(number(32)) << 32 | UInt64(number(36))
            backfilled = number(96)
            attempted = number(128)
        }

        init(salts: UInt64, backfilled: UInt32, attempted: UInt32) {
            self.salts = salts
            self.backfilled = backfilled
            self.attempted = attempted
        }

        /// No checkpoint is writing to the database file, and none was interrupted.
        var isSettled: Bool { attempted == backfilled }
    }

    private var last: Snapshot?

    /// - Parameter snapshot: nil if there is no usable one.
    /// - Returns: whether the file was overwritten since the previous check.
    mutating func checked(_ snapshot: Snapshot?) -> Bool {
        defer { last = snapshot }
        guard let snapshot, let last else { return false }
        return snapshot.file != last.file && snapshot.log == last.log
    }
}
