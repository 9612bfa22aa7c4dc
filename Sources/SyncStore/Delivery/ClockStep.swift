import SyncCore

/// Shifts stored deadlines and start times after the wall clock was set.
///
/// The table `clock` has the offset between wall clock and uptime that the stored times correspond to. Several processes notice the same step; the
/// first one shifts the times and the offset, and the others find nothing left to do.
extension Store {
    /// Shifts the times if the clock was set while no process was there to notice.
    ///
    /// Nothing is known of the clock before the machine started, nor where starts cannot be told apart.
    /// - Parameter boot: empty if it is not known which start of the machine this is.
    static func enter(_ now: Now, boot: String, _ session: any Session) throws {
        if !boot.isEmpty, let offset = try session.value("SELECT offset_ms FROM clock WHERE boot_id = \(boot)", as: Int64.self) {
            try moveTimes(by: now.offset - .milliseconds(offset), session)
        }
        try session.run("INSERT OR REPLACE INTO clock (id, boot_id, offset_ms) VALUES (1, \(boot), \(now.offset.milliseconds))")
    }

    /// A process has noticed a step. If nothing is known of the clock before, the times are shifted by that.
    static func clockWasSet(by step: Duration, _ now: Now, _ session: any Session) throws {
        let offset = try session.value("SELECT offset_ms FROM clock", as: Int64.self)
        try moveTimes(by: offset.map { now.offset - .milliseconds($0) } ?? step, session)
        try session.run("UPDATE clock SET offset_ms = \(now.offset.milliseconds)")
    }

    private static func moveTimes(by step: Duration, _ session: any Session) throws {
        guard max(step, .zero - step) > Now.smallestClockStep else { return }
        let outbox = ["due_at", "lease_until", "passed_over_at", "counted_since", "in_doubt_since"].map { assignment($0, step) }
        try session.run("UPDATE outbox SET \(SQL.joined(outbox, separator: ", ")) WHERE finished_at IS NULL")
        let holds = ["throttled_until", "breaker_open_until"].map { assignment($0, step) }
        // A process that has the remote stores its own state afterwards; this is for those that nobody has.
        try session.run(
            "UPDATE remotes SET \(SQL.joined(holds, separator: ", ")) WHERE coalesce(throttled_until, breaker_open_until) IS NOT NULL")
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

extension Now {
    /// The wall clock minus the uptime, in milliseconds since 1970.
    fileprivate var offset: Duration { (wall - Instant(milliseconds: 0)) - uptime }
}
