import SyncCore
import SyncStore

/// What the tables say at rest about the order of things, and about what was kept.
extension Simulation {
    func expectOrder() async throws {
        try await expectNewestState()
        try await expectEndedRuns()
        try await expectStoredEvents()
        try await expectConfiguredAdoptions()
        try await expectReasonsOfHolds()
    }

    /// Without faults, a row is sent within minutes after it fell due: no hold of a remote lasts longer.
    func expectNothingOverdue() async throws {
        let patience = Duration.minutes(12) + lostClockSteps
        guard clock.uptime - calmSince > patience else { return }
        let limit = clock.wall - patience
        let rows = try await application.lines(
            """
            SELECT id, conversation_id, remote, due_at FROM outbox o WHERE state = 'pending' AND behind = 0 AND due_at < \(limit)
                AND NOT EXISTS (
                    SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote AND e.state = 'held')
            """, columns: 4)
        for row in rows { fail("a row is overdue at \(clock.wall.iso8601): \(row)") }
    }

    /// However often a conversation changes, one row waits for each remote, beside one that is on its way.
    func expectShortQueue() async throws {
        let rows = try await application.lines(
            """
            SELECT conversation_id, remote, state, count(*) FROM outbox
            WHERE payload = 'state' AND state IN ('pending', 'sending', 'held') GROUP BY 1, 2, 3 HAVING count(*) > 1
            """, columns: 4)
        for row in rows { fail("several rows where one is enough: \(row)") }
    }

    /// A process recovers rows whose lease is over, whoever claimed them.
    func expectNoLostClaims() async throws {
        let patience = plan.settings.interval * 2 + .minutes(3)
        guard let daemon, daemon.engine != nil, !plan.stepsClock, clock.uptime - daemon.startedAt > patience + .minutes(2) else { return }
        let rows = try await application.lines(
            "SELECT id, conversation_id, remote, lease_until FROM outbox WHERE state = 'sending' AND lease_until < \(clock.wall - patience)",
            columns: 4)
        for row in rows { fail("a claimed row was not recovered, now \(clock.wall.iso8601): \(row)") }
    }

    /// After a step of the clock was stored, no stored time lies further ahead than it could without the step.
    func expectMovedTimes() async throws {
        let slack = lostClockSteps + .seconds(10)
        let pause = max(plan.settings.retry.cap, .minutes(15))
        let lease = plan.remotes.map(\.leaseDuration).max() ?? .zero
        let rows = try await application.lines(
            """
            SELECT id, state, due_at, lease_until, in_doubt_since, counted_since FROM outbox
            WHERE state = 'pending' AND due_at > \(clock.wall + pause + slack) OR lease_until > \(clock.wall + lease + slack)
                OR finished_at IS NULL AND (in_doubt_since > \(clock.wall + slack) OR counted_since > \(clock.wall + pause + slack))
            """, columns: 6)
        for row in rows { fail("a time was not moved with the clock, now \(clock.wall.iso8601): \(row)") }
    }

    /// No row was sent after a newer one of its conversation had been planned. Times of the wall clock tell that only where it is not set, and where
    /// no process writes them long after it has looked at it.
    private func expectNewestState() async throws {
        guard !plan.stepsClock, !plan.suspendsProcesses else { return }
        let overtaken = try await application.lines(
            """
            SELECT o.id, o.conversation_id, o.remote, n.id FROM outbox o
            JOIN outbox n ON n.conversation_id = o.conversation_id AND n.remote = o.remote AND n.payload = 'state' AND n.id > o.id
            WHERE o.payload = 'state'
                AND EXISTS (SELECT 1 FROM outbox_attempts a WHERE a.outbox_id = o.id AND a.started_at > n.created_at)
            """, columns: 4)
        for line in overtaken { fail("an older row was sent after a newer one had been planned: \(line)") }
    }

    /// A run does not go on while another one of the process has begun.
    private func expectEndedRuns() async throws {
        guard let daemon else { return fail("the daemon does not run") }
        let open = try await application.lines(
            """
            SELECT id, cause, started_at FROM runs r WHERE finished_at IS NULL AND process_id = \(daemon.storedID)
                AND EXISTS (SELECT 1 FROM runs n WHERE n.process_id = r.process_id AND n.id > r.id)
            """, columns: 3)
        for run in open { fail("a run has not ended: \(run)") }
    }

    /// Those of conversations that were deleted are gone with them.
    private func expectStoredEvents() async throws {
        guard !plan.deletes, !plan.forgets, !wasRestored else { return }
        let stored = Set(try await application.lines("SELECT event_key FROM inbox", columns: 1))
        for key in acknowledgedEvents.subtracting(stored).sorted() { fail("an event was acknowledged and is not stored: \(key)") }
    }

    /// Fin's status is always adopted; it has no other fields.
    private func expectConfiguredAdoptions() async throws {
        for remote in plan.remotes where remote.kind.isReadable {
            let columns: [(AdoptionPolicy.Field, String)] = [
                (.status, "status"), (.status, "assignee_id"), (.title, "title"), (.tags, "tags"),
            ]
            for (field, column) in columns where !remote.profile.adoption.fields.contains(field) {
                let count = try await application.number(
                    "SELECT count(*) FROM adopted_changes WHERE remote = \(remote.name) AND changes ->> \("$.\(column)") IS NOT NULL")
                if count > 0 { fail("\(count) adoptions of \(column) from \(remote.name), which is not configured") }
            }
        }
    }

    /// A message that waits for Fin waits for the reason that its last status gives.
    private func expectReasonsOfHolds() async throws {
        let held = try await application.store.read { session in
            try session.rows(
                """
                SELECT o.id, \(LinkColumns.columns) FROM outbox o
                JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
                WHERE o.state = 'held' AND o.held_by = 'fin'
                """
            ) { columns in (row: try columns.next(Int64.self), record: try LinkColumns(&columns).linkRecord) }
        }
        for (row, record) in held {
            let word = record.events?.last?.word ?? "-"
            guard !["escalated", "resolved", "complete"].contains(word) else { continue }
            fail("message row \(row) is held, and Fin's last status is \(word)")
        }
    }
}
