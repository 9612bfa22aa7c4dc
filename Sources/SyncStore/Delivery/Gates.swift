import SyncCore

/// Gates and orders of remotes.
extension Store {
    static func storeGate(_ gate: RemoteGate.Stored, of remote: String, _ session: any Session) throws {
        if gate.parkedAt == nil, try session.exists("SELECT 1 FROM remotes WHERE name = \(remote) AND parked_at IS NOT NULL") {
            try forgetAge(remote, session)
        }
        // paused_at and resumed_at belong to the command line and are not written here.
        try session.run(
            """
            UPDATE remotes SET parked_at = \(gate.parkedAt), park_reason = \(gate.parkReason), park_cause = \(gate.parkCause?.rawValue),
                throttled_until = \(gate.throttledUntil), breaker_open_until = \(gate.breakerOpenUntil),
                breaker_openings = \(gate.breakerOpenings), concurrency = \(gate.concurrency)
            WHERE name = \(remote)
            """)
    }

    static func orders(of remote: String, _ session: any Session) throws -> RemoteOrders {
        try session.row("SELECT \(RemoteOrders.columns) FROM remotes WHERE name = \(remote)", as: RemoteOrders.self) ?? RemoteOrders()
    }
}

extension RemoteOrders: RowRecord {
    /// Messages do not wait until everything that their remote has said is decided again.
    package static let columns: SQL = """
        paused_at IS NOT NULL, resumed_at, replan_cursor IS NOT NULL AND receives_messages = 0, breaker_open_until
        """

    package init(_ columns: inout Columns) throws {
        self.init()
        isPaused = try columns.next()
        resumedAt = try columns.next()
        isBeingFed = try columns.next()
        breakerOpenUntil = .column(try columns.next())
    }
}
