import SyncCore
import SyncDaemon
import SyncStore

/// `status --json`: one object with stable names (docs/operations.md).
extension StatusView {
    var json: JSONValue {
        var object: JSONObject = [
            "service": serviceJSON, "remotes": .object(JSONObject(members: status.remotes.map { ($0.name, json($0)) })),
            "unplanned": .integer(Int64(status.unplanned)), "oldest_unplanned_at": .nullable(status.unplannedSince),
            "oldest_unplanned_age_s": age(status.unplannedSince).map { .integer($0) } ?? .null,
            "discarded": .integer(Int64(status.remotes.reduce(0) { $0 + $1.discarded })),
            "last_run": status.lastRun.map(StatusView.json) ?? .null,
        ]
        object["held_by_brake"] = .integer(Int64(status.heldByBrake))
        object["held_by_brake_since"] = .nullable(status.heldByBrakeSince)
        object["refused"] = .array(
            status.refused.map { refused in
                [
                    "remote": .string(refused.remote), "members": .array(refused.members.map(JSONValue.string)),
                    "rows": .integer(Int64(refused.rows)),
                ]
            })
        object["held_ends"] = .integer(Int64(status.heldEnds))
        object["held_ends_at"] = .array(status.heldEndsAt.map(JSONValue.string))
        object["shared_objects"] = .array(status.shared.map(StatusView.json))
        object["unreadable"] = .integer(Int64(status.putAside))
        object["unreadable_keys"] = .array(status.unreadable.map { ["hex": .string($0.hex), "problem": .string($0.problem)] })
        object["put_aside"] = .integer(Int64(status.unplannable))
        object["put_aside_rows"] = .array(status.unplannableRows.map(\.json))
        return .object(object)
    }

    /// `pid` and `since` are null while no service runs; `last_seen` is null if none ever has.
    private var serviceJSON: JSONValue {
        let isRunning = service?.isRunning == true
        return [
            "running": .bool(isRunning), "pid": isRunning ? service.map { .integer($0.pid) } ?? .null : .null,
            "since": isRunning ? .nullable(service?.startedAt) : .null, "last_seen": .nullable(service?.lastSeenAt),
            "version": .nullable(service?.version), "configuration": .nullable(service?.configurationPath),
            "configured_at": .nullable(service?.configuredAt), "silent": .bool(service?.isSilent == true),
        ]
    }

    private func json(_ remote: RemoteStatus) -> JSONValue {
        let settings = gates[remote.name]
        var object: JSONObject = [
            "state": .string(state(of: remote).text), "oldest_pending_age_s": age(remote).map { .integer($0) } ?? .null,
            "oldest_pending_at": .nullable(remote.oldestPendingAt), "pending": .integer(Int64(remote.pending)),
            "in_flight": .integer(Int64(remote.inFlight)), "retrying": .integer(Int64(remote.retrying)),
            "held": .integer(Int64(remote.held)), "dead": .integer(Int64(remote.dead)), "uncertain": .integer(Int64(remote.uncertain)),
            "discarded": .integer(Int64(remote.discarded)), "breaker": .string(remote.gate.breaker(now: now)),
        ]
        object["concurrency"] = settings.map { .integer(Int64(remote.gate.concurrency(of: $0))) } ?? .null
        object["concurrency_max"] = settings.map { .integer(Int64($0.concurrency)) } ?? .null
        object["rate"] = settings.map { .string($0.rate?.description ?? "unlimited") } ?? .null
        object["breaker_open_until"] = .nullable(remote.gate.breakerOpenUntil?.iso8601)
        object["put_aside"] = .integer(Int64(remote.putAside))
        object["parked_at"] = .nullable(remote.gate.parkedAt?.iso8601)
        object["park_reason"] = .nullable(remote.gate.parkReason)
        object["paused_at"] = .nullable(remote.gate.pausedAt?.iso8601)
        object["throttled_until"] = .nullable(throttle(remote)?.iso8601)
        object["last_success_at"] = .nullable(remote.lastSuccessAt)
        object["last_failure_at"] = .nullable(remote.lastFailureAt)
        object["last_error"] = .nullable(remote.lastError)
        object["reads"] = [
            "last_read_at": .nullable(remote.reads.lastReadAt), "failing_since": .nullable(remote.reads.failingSince),
            "failures": .integer(Int64(remote.reads.failures)), "error": .nullable(remote.reads.error),
        ]
        return .object(object)
    }

    private static func json(_ object: SharedObject) -> JSONValue {
        [
            "remote": .string(object.remote), "object": .string(object.remoteID), "agent": .nullable(object.agentID),
            "conversations": .array(object.conversations.map(JSONValue.string)),
        ]
    }

    private static func json(_ run: StoredRun) -> JSONValue {
        [
            "id": .integer(run.id), "cause": .string(run.cause), "started_at": .string(run.startedAt),
            "finished_at": .nullable(run.finishedAt), "examined": .integer(Int64(run.counts.examined)),
            "planned": .integer(Int64(run.counts.planned)), "delivered": .integer(Int64(run.counts.delivered)),
            "put_back": .integer(Int64(run.counts.putBack)), "dead": .integer(Int64(run.counts.dead)), "error": .nullable(run.error),
        ]
    }
}
