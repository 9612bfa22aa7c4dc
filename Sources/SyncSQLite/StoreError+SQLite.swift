import CSQLite
import SyncCore
import SyncStore

extension StoreError {
    init(_ error: any Error, path: String) {
        guard let error = error as? SQLiteError else {
            self = (error as? StoreError) ?? .sqlite(code: 1, detail: "\(error)")
            return
        }
        switch error.primaryCode {
        case SQLITE_BUSY, SQLITE_LOCKED: self = .locked
        case SQLITE_FULL: self = .full
        // The shared-memory file of the WAL cannot grow: the same condition with another code.
        case SQLITE_IOERR where error.code == SQLiteError.sharedMemorySize: self = .full
        case SQLITE_READONLY: self = .readOnly(path: path)
        case SQLITE_NOTADB, SQLITE_CORRUPT: self = .damaged(path: path, detail: error.message)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: self = .cannotOpen(path: path, detail: error.message)
        default: self = .sqlite(code: Int(error.code), detail: error.message)
        }
    }
}
