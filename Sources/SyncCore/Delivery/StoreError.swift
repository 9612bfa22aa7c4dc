/// Why the database cannot do its work. The ``description`` of each case says what to do about it.
package enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is not there and this command does not create it.
    case missing(path: String)
    /// Another service uses the file; its name, if known.
    case inUse(by: String?)
    /// The file or its directory cannot be opened or written.
    case cannotOpen(path: String, detail: String)
    /// Another process holds the write lock longer than the busy timeout.
    case locked
    /// The files at the path are no longer the ones that were opened.
    case replaced(path: String, detail: String)
    /// No space left, or a quota.
    case full
    case readOnly(path: String)
    /// Not a database, or damaged.
    case damaged(path: String, detail: String)
    /// The schema was written by a newer program.
    case newerSchema(applied: [String])
    /// The schema is older than the program and this command does not change it.
    case olderSchema(missing: [String])
    /// The file has tables, views, indexes or triggers of another program under names that the schema needs.
    case foreignSchema(path: String, names: [String])
    /// The file was created with another text encoding than UTF-8.
    case otherEncoding(path: String, encoding: String)
    /// A column contains a value that this program never writes there. `index` counts from 0.
    case unexpectedColumn(index: Int, query: String, expected: String)
    /// A statement has ended the whole transaction because of its rows (`RAISE(ROLLBACK)` in a trigger): nothing of it was written.
    case rolledBack(detail: String)
    /// Any other SQLite error.
    case sqlite(code: Int, detail: String)

    package var description: String {
        switch self {
        case .missing(let path):
            "there is no database at \(path); `convosync migrate` creates it, or correct database.path"
        case .inUse(let service):
            "another convosync service already uses this database\(service.map { ": \($0)" } ?? ""); stop it first, or use `convosync sync` for one run beside it"
        case .cannotOpen(let path, let detail):
            "cannot open the database at \(path): \(detail); check that the directory exists and that this user may write it"
        case .locked:
            "the database is locked: another process keeps a write transaction open; end it and try again"
        case .replaced(_, let detail):
            "\(detail): nothing more is sent or acknowledged; start convosync again to use what is there now"
        case .full:
            "the disk or quota of the database is full: make room; nothing that was acknowledged is lost"
        case .readOnly(let path):
            "the database at \(path) is read-only for this user: its file, its directory and the -wal file have to be writable"
        case .damaged(let path, let detail):
            "\(path) is not a valid SQLite database: \(detail); restore it from a backup"
        case .newerSchema(let applied):
            "the database was migrated by a newer convosync (unknown here: \(applied.joined(separator: ", "))); use that version"
        case .olderSchema(let missing):
            "the database lacks migrations (\(missing.joined(separator: ", "))); `convosync migrate` brings it up to date"
        case .foreignSchema(let path, let names):
            "\(path) already has \(StoreError.list(names)), which convosync did not create and whose names it needs; "
                + "nothing was changed. Set database.path to a file of its own, or rename them"
        case .otherEncoding(let path, let encoding):
            "\(path) was created with PRAGMA encoding = \(encoding): convosync needs UTF-8, and the encoding of a file cannot be changed; "
                + "nothing was changed. Stop what uses the file, copy it with `sqlite3 \(path) .dump | sqlite3 NEW`, and put the new file in its place"
        case .unexpectedColumn(let index, let query, let expected):
            "column \(index + 1) of a query is not of the type \(expected): the database was changed by another program, or is damaged "
                + "(\(query.prefix(120)) …)"
        case .rolledBack(let detail):
            "\(detail); the statement rolled back its whole transaction"
        case .sqlite(let code, let detail) where Self.isOfDisk(code):
            "the disk of the database cannot be read or written (SQLite error \(code): \(detail)): `dmesg` says why; "
                + "when the disk is mounted again, start convosync again"
        case .sqlite(let code, let detail):
            "SQLite error \(code): \(detail)"
        }
    }

    /// SQLITE_IOERR with all its extended codes: https://sqlite.org/rescode.html
    private static func isOfDisk(_ code: Int) -> Bool { code & 0xFF == 10 }

    /// Whether a later attempt may succeed without any action by this service or its user.
    package var isTransient: Bool {
        switch self {
        case .locked, .full, .readOnly: true
        case .sqlite(let code, _): Self.isOfDisk(code)
        default: false
        }
    }

    /// Whether the error is about the rows of a statement, so that others can still be processed. Every other error concerns the whole
    /// database.
    package var concernsRows: Bool {
        switch self {
        case .unexpectedColumn: true
        // SQLITE_ERROR, _TOOBIG, _CONSTRAINT (also a RAISE in a trigger) and _MISMATCH: https://sqlite.org/rescode.html
        case .sqlite(let code, _): [1, 18, 19, 20].contains(code & 0xFF)
        default: false
        }
    }

    /// The first few names.
    private static func list(_ names: [String]) -> String {
        let limit = 5
        let named = names.prefix(limit).joined(separator: ", ")
        return names.count > limit ? "\(named) and \(names.count - limit) more" : named
    }
}
