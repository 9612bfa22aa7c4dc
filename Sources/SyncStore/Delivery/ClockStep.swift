import SyncCore

/// Shifts stored deadlines and start times after the wall clock was set.
extension Store {
    static func moveTimes(by step: Duration, _ session: any Session) throws {
        let outbox = ["due_at", "lease_until", "passed_over_at", "counted_since", "in_doubt_since"].map { assignment($0, step) }
        try session.run("UPDATE outbox SET \(SQL.joined(outbox, separator: ", ")) WHERE finished_at IS NULL")
        try session.run("UPDATE change_feed SET \(assignment("waits_since", step)) WHERE deferred = 3")
    }

    /// A value that SQLite does not read as a time stays as it is ("Date And Time Functions", https://sqlite.org/lang_datefunc.html).
    private static func assignment(_ name: String, _ step: Duration) -> SQL {
        let column = SQL(stringLiteral: name)
        return """
            \(column) = CASE WHEN \(column) GLOB '[0-9][0-9][0-9][0-9]-*'
                THEN coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', \(column), \(modifier(step))), \(column)) ELSE \(column) END
            """
    }

    /// `-3600.250 seconds`.
    private static func modifier(_ step: Duration) -> String {
        let milliseconds = step.milliseconds
        let (seconds, rest) = milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        let fraction = String(rest)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        return "\(milliseconds < 0 ? "-" : "+")\(seconds).\(padding)\(fraction) seconds"
    }
}
