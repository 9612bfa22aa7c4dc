import GRDB

/// A fixture with a database that the application works in: short forms of what ``ApplicationDatabase`` offers.
package protocol ApplicationSide {
    var application: ApplicationDatabase { get }
}

extension ApplicationSide {
    /// Every statement is a transaction of its own, unless they say otherwise.
    package func write(_ sql: String, _ arguments: StatementArguments = []) throws { try application.execute(sql, arguments) }

    /// The first column of every row.
    package func texts(_ sql: String, _ arguments: StatementArguments = []) throws -> [String] { try application.texts(sql, arguments) }

    /// One row per line, columns joined by `|`, NULL as `-`.
    package func lines(_ sql: String) throws -> [String] { try application.lines(sql) }
}
