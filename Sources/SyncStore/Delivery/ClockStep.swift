import SyncCore

/// Shifts stored deadlines and start times after the wall clock was set.
///
/// The table `clock` has the offset between wall clock and uptime that the stored times correspond to. Whoever is about to write times that
/// correspond to another one shifts all stored times first. So it does not matter which of several processes notices a step first, nor that an
/// exchange may have been made before the step and be stored after another process has shifted the times: the next exchange shifts them again,
/// together with those that were written in between.
extension Store {
    /// Shifts the times if the clock was set while no process was there to notice.
    ///
    /// Of the clock before the machine started, only the latest time is known: if it is still ahead, the clock was set back by that at least.
    /// - Parameter boot: empty if it is not known which start of the machine this is.
    static func enter(_ now: Now, boot: String, _ session: any Session) throws {
        if let step = try clockStep(until: now, boot: boot, session) ?? stepBack(before: now, session) { try moveTimes(by: step, session) }
        try session.run(
            """
            INSERT OR REPLACE INTO clock (id, boot_id, offset_ms, seen_at)
            VALUES (1, \(boot), \(now.offset.milliseconds), \(now.wall))
            """)
    }

    /// The same for a command that writes times beside the service, which may not have noticed a step yet. Takes the write lock only after a step.
    /// - Parameter boot: empty if it is not known which start of the machine this is.
    package func followClock(_ now: Now, boot: String) async throws(StoreError) {
        guard try await read({ session in try Store.clockStep(until: now, boot: boot, session) }) != nil else { return }
        try await write { session in
            if let step = try Store.clockStep(until: now, boot: boot, session) { try Store.moveTimes(by: step, session) }
        }
    }

    static func followClock(of exchange: Exchange, _ session: any Session) throws {
        if let step = try clockStep(of: exchange, session) { try moveTimes(by: step, session) }
        try session.run("UPDATE clock SET seen_at = \(exchange.now) WHERE seen_at IS NULL OR seen_at < \(exchange.now - .seconds(10))")
    }

    /// - Returns: by how much the stored times have to be shifted before the exchange's are written; nil: not at all. If nothing is known of the clock
    ///   before, that is what the process has noticed.
    static func clockStep(of exchange: Exchange, _ session: any Session) throws -> Duration? {
        guard let offset = try session.value("SELECT offset_ms FROM clock WHERE id = 1", as: Int64.self) else { return exchange.clockStep }
        return step(from: offset, to: Now(wall: exchange.now, uptime: exchange.uptime))
    }

    private static func clockStep(until now: Now, boot: String, _ session: any Session) throws -> Duration? {
        guard !boot.isEmpty else { return nil }
        return try session.value("SELECT offset_ms FROM clock WHERE boot_id = \(boot)", as: Int64.self).flatMap { step(from: $0, to: now) }
    }

    private static func step(from offset: Int64, to now: Now) -> Duration? {
        let step = now.offset - .milliseconds(offset)
        return max(step, .zero - step) > Now.smallestClockStep ? step : nil
    }

    private static func stepBack(before now: Now, _ session: any Session) throws -> Duration? {
        guard let seen = try session.value("SELECT seen_at FROM clock WHERE seen_at IS NOT NULL", as: Instant.self) else { return nil }
        return seen - now.wall > Now.smallestClockStep ? now.wall - seen : nil
    }

    private static func moveTimes(by step: Duration, _ session: any Session) throws {
        let outbox = ["due_at", "lease_until", "passed_over_at", "counted_since", "in_doubt_since"].map { assignment($0, step) }
        try session.run("UPDATE outbox SET \(SQL.joined(outbox, separator: ", ")) WHERE finished_at IS NULL")
        // When it was claimed: from then on it may have arrived.
        try session.run("UPDATE outbox SET \(assignment("updated_at", step)) WHERE state = 'sending'")
        let holds = ["throttled_until", "breaker_open_until"].map { assignment($0, step) }
        // A process that has the remote stores its own state afterwards; this is for those that nobody has.
        try session.run(
            "UPDATE remotes SET \(SQL.joined(holds, separator: ", ")) WHERE coalesce(throttled_until, breaker_open_until) IS NOT NULL")
        try session.run("UPDATE change_feed SET \(assignment("waits_since", step)) WHERE deferred = 3")
        let requests = ["requested_at", "asked_again_at"].map { assignment($0, step) }
        try session.run("UPDATE read_requests SET \(SQL.joined(requests, separator: ", "))")
        try session.run("UPDATE clock SET offset_ms = offset_ms + \(step.milliseconds), \(assignment("seen_at", step))")
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
