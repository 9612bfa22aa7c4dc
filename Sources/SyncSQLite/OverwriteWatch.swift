/// Notices that the database file was written by something that is not SQLite: another file was copied over it.
///
/// While it is in WAL mode, SQLite writes to the database file only as part of a checkpoint, and a checkpoint leaves its trace in the
/// wal-index beside it: `nBackfillAttempted` is set before the first page is written and `nBackfill` after the last, and both begin anew
/// with other salts when the log does ("WAL-mode File Format", https://sqlite.org/walformat.html, section 2). So:
///
/// | the file's content or size | the wal-index | conclusion                                           |
/// |----------------------------|---------------|------------------------------------------------------|
/// | changed                    | the same      | overwritten                                          |
/// | changed                    | changed       | a checkpoint                                         |
/// | the same                   | either        | nothing; also where the file's time changed (`touch`) |
/// | either                     | a checkpoint is on its way, or was interrupted | none; the next look begins anew |
///
/// Invariant: whatever connections do in WAL mode (VACUUM, checkpoints of every kind, a restore by the backup interface) is never taken
/// for an overwrite.
struct OverwriteWatch: Equatable, Sendable {
    /// How the file and the wal-index look at one moment at which no checkpoint is on its way.
    struct Look: Equatable, Sendable {
        var file: FileState
        var log: LogState
    }

    struct FileState: Equatable, Sendable {
        var size: Int64
        /// A hash of blocks that are spread over the file (``StoreFiles``), of all of a small one.
        var content: Int
    }

    /// What the wal-index says about the log and its checkpoints.
    struct LogState: Equatable, Sendable {
        /// How many bytes of the wal-index are needed.
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

    private var last: Look?

    /// - Parameter look: nil when there is none that tells anything.
    /// - Returns: whether the file was overwritten since the look before.
    mutating func looked(_ look: Look?) -> Bool {
        defer { last = look }
        guard let look, let last else { return false }
        return look.file != last.file && look.log == last.log
    }
}
