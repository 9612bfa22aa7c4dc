import SyncCore
import SyncStore

/// All values of the metrics file at one time (docs/metrics.md).
struct MetricsPage {
    var status: StoreStatus
    var counts: DeliveryTally.Counts
    var size: StoreSize
    var startedAt: Instant
    var now: Instant

    var text: String {
        var text = MetricsText()
        addBacklog(&text)
        addHolds(&text)
        addCalls(&text)
        addProcess(&text)
        return text.text
    }

    private func perRemote(_ value: (RemoteStatus) -> Double?) -> [(labels: MetricsText.Labels, value: Double)] {
        status.remotes.compactMap { remote in value(remote).map { ([("remote", remote.name)], $0) } }
    }

    private func addBacklog(_ text: inout MetricsText) {
        text.add(
            "convosync_oldest_undelivered_age_seconds",
            help:
                "For how long the remote has differed from what is wanted, of everything that waits or is on its way; 0 when nothing does.",
            perRemote { remote in
                remote.oldestPendingAt.flatMap(Instant.init(iso8601:)).map { max((now - $0).seconds, 0) } ?? 0
            })
        text.add(
            "convosync_outbox_rows", help: "Rows of the outbox that are not over, by state.",
            status.remotes.flatMap { remote in
                [
                    ("pending", remote.pending), ("sending", remote.inFlight), ("held", remote.held), ("dead", remote.dead),
                    ("uncertain", remote.uncertain),
                ].map { ([("remote", remote.name), ("state", $0.0)], Double($0.1)) }
            })
        text.add(
            "convosync_retrying_rows", help: "Pending rows that were attempted before.", perRemote { Double($0.retrying) })
        text.add(
            "convosync_unplanned_changes", help: "Changes that no run has planned yet.", [([], Double(status.unplanned))])
        text.add(
            "convosync_oldest_unplanned_age_seconds", help: "Age of the oldest change that no run has planned; 0 without one.",
            [([], status.unplannedSince.flatMap(Instant.init(iso8601:)).map { max((now - $0).seconds, 0) } ?? 0)])
        text.add(
            "convosync_discarded_conversations",
            help: "Conversations that differ although nothing is due, because a row was discarded.", perRemote { Double($0.discarded) })
        text.add("convosync_brake_held_rows", help: "Rows that the brake holds.", [([], Double(status.heldByBrake))])
    }

    private func addHolds(_ text: inout MetricsText) {
        text.add("convosync_remote_paused", help: "1 while a person has paused the remote.", perRemote { $0.gate.pausedAt == nil ? 0 : 1 })
        text.add(
            "convosync_remote_parked", help: "1 while the remote refuses credential or address.",
            perRemote { $0.gate.parkedAt == nil ? 0 : 1 })
        text.add(
            "convosync_remote_throttled", help: "1 while the remote throttles.",
            perRemote { remote in remote.gate.throttledUntil.map { $0 > now ? 1 : 0 } ?? 0 })
        text.add(
            "convosync_breaker_open", help: "1 while the circuit breaker is not closed.",
            perRemote { $0.gate.breakerOpenUntil == nil ? 0 : 1 })
        text.add(
            "convosync_last_success_timestamp_seconds", help: "When the remote last acknowledged a call.",
            perRemote { $0.lastSuccessAt.flatMap(Instant.init(iso8601:))?.unixSeconds })
        text.add(
            "convosync_last_read_timestamp_seconds", help: "When the remote was last read from beginning to end.",
            perRemote { $0.reads.lastReadAt.flatMap(Instant.init(iso8601:))?.unixSeconds })
        text.add(
            "convosync_reads_failing_seconds", help: "For how long the remote has not been readable; 0 while it is.",
            perRemote { remote in remote.reads.failingSince.flatMap(Instant.init(iso8601:)).map { max((now - $0).seconds, 0.001) } ?? 0 })
    }

    private func addCalls(_ text: inout MetricsText) {
        let remotes = status.remotes.map { ($0.name, counts.remotes[$0.name] ?? DeliveryTally.Remote()) }
        let outcomes = OutcomeClass.allCases.map(\.rawValue)
        text.add(
            "convosync_calls_total", .counter, help: "Calls by outcome since the process started.",
            remotes.flatMap { name, remote in
                outcomes.map { ([("remote", name), ("outcome", $0)], Double(remote.calls[$0] ?? 0)) }
            })
        text.add(
            "convosync_call_duration_seconds_total", .counter, help: "Time that calls took since the process started.",
            remotes.map { ([("remote", $0.0)], $0.1.seconds) })
        text.add(
            "convosync_reads_total", .counter, help: "Times that the remote was read, since the process started.",
            remotes.map { ([("remote", $0.0)], Double($0.1.reads)) })
        text.add(
            "convosync_failed_reads_total", .counter, help: "Times that reading the remote failed, since the process started.",
            remotes.map { ([("remote", $0.0)], Double($0.1.failedReads)) })
    }

    private func addProcess(_ text: inout MetricsText) {
        text.add("convosync_runs_total", .counter, help: "Runs since the process started.", [([], Double(counts.runs))])
        text.add(
            "convosync_failed_runs_total", .counter, help: "Runs that an error ended since the process started.",
            [([], Double(counts.failedRuns))])
        text.add(
            "convosync_brake_engagements_total", .counter, help: "Runs that the brake held since the process started.",
            [([], Double(counts.braked))])
        text.add(
            "convosync_dropped_events_total", .counter,
            help: "Events of conversations that are not here, dropped since the process started.", [([], Double(counts.droppedEvents))])
        text.add(
            "convosync_pruned_rows_total", .counter, help: "Finished rows that retention deleted since the process started.",
            [([], Double(counts.prunedRows))])
        text.add(
            "convosync_last_run_timestamp_seconds", help: "When the last run ended.",
            counts.lastRunEndedAt.map { [([], $0.unixSeconds)] } ?? [])
        text.add(
            "convosync_last_run_duration_seconds", help: "How long the last run took.",
            counts.lastRunSeconds.map { [([], $0)] } ?? [])
        text.add(
            "convosync_database_size_bytes", help: "Size of the database without its WAL.",
            [([], Double(size.pages * size.pageSize))])
        text.add(
            "convosync_database_free_bytes", help: "Part of the database that holds nothing.",
            [([], Double(size.freePages * size.pageSize))])
        text.add(
            "convosync_process_start_time_seconds", help: "When the process started.", [([], startedAt.unixSeconds)])
        text.add("convosync_written_timestamp_seconds", help: "When this file was written.", [([], now.unixSeconds)])
    }
}

extension Instant {
    fileprivate var unixSeconds: Double { Double(milliseconds) / 1000 }
}
