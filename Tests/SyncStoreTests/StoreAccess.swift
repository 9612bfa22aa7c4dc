import Testing

@testable import SyncSQLite
@testable import SyncStore

extension SchemaMigrations {
    /// Brings the file at the path to the schema of an earlier release; creates it where it does not exist.
    static func migrate(fileAt path: String, upTo last: String?) throws {
        try migrate(SQLiteSession(path: path, access: .creating, busyTimeout: .seconds(5)), path: path, upTo: last)
    }
}

extension Store {
    /// Hears the text of every statement before it runs; nil: no more.
    func trace(_ hear: (@Sendable (String) -> Void)?) async throws {
        let connection = try #require(connection as? SQLiteConnection)
        try await connection.withSession { session in session.trace = hear }
    }
}
