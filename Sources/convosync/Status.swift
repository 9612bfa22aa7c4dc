import ArgumentParser
import SyncCore
import SyncDaemon
import SyncStore

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what waits, per remote. Works whether the service runs or not.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Show it in place, once a second, until Ctrl-C. Needs a terminal.") var watch = false

    func validate() throws {
        guard watch else { return }
        if output.json { throw ValidationError("--watch is for people; for a program call `convosync status --json` again and again") }
        guard Terminal.outputIsTerminal else {
            throw ValidationError("--watch needs a terminal; into a pipe or file, call `convosync status` again and again")
        }
    }

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.loadForOperator()
            if watch { return try await StatusWatch(configuration: configuration).run() }
            let store = try Store(path: configuration.databasePath, access: .reading)
            var status = try await store.status(of: configuration.namesInService(known: store.knownRemotes()))
            status.shared = try await store.sharedObjects(at: configuration.remotes.map(\.participation))
            let now = SystemClock.now()
            let gates = Dictionary(uniqueKeysWithValues: configuration.enabledRemotes.map { ($0.name, $0.gate) })
            if output.json {
                print(StatusView.json(status, gates, now: now).printableText)
            } else {
                Terminal.print(StatusView.lines(status, gates, now: now))
            }
        }
    }
}

/// `status` for people and for programs.
enum StatusView {
    /// Objects with several links that are shown one by one at most.
    private static let sharedObjectLines = 10

    /// - Parameter gates: what the configuration says about the remotes.
    static func json(_ status: StoreStatus, _ gates: [String: RemoteGate.Settings], now: Instant) -> JSONValue {
        var remotes: JSONObject = [:]
        for remote in status.remotes {
            remotes[remote.name] = [
                "oldest_pending_age_s": age(remote, now: now).map { .integer($0) } ?? .null,
                "oldest_pending_at": .nullable(remote.oldestPendingAt), "pending": .integer(Int64(remote.pending)),
                "in_flight": .integer(Int64(remote.inFlight)), "retrying": .integer(Int64(remote.retrying)),
                "held": .integer(Int64(remote.held)), "dead": .integer(Int64(remote.dead)),
                "uncertain": .integer(Int64(remote.uncertain)), "breaker": .string(breaker(remote, now: now)),
                "concurrency": gates[remote.name].map { .integer(Int64(remote.gate.concurrency(of: $0))) } ?? .null,
                "concurrency_max": gates[remote.name].map { .integer(Int64($0.concurrency)) } ?? .null,
                "rate": gates[remote.name].map { .string($0.rate?.description ?? "unlimited") } ?? .null,
                "breaker_open_until": .nullable(remote.gate.breakerOpenUntil?.iso8601),
                "parked_at": .nullable(remote.gate.parkedAt?.iso8601), "park_reason": .nullable(remote.gate.parkReason),
                "paused_at": .nullable(remote.gate.pausedAt?.iso8601),
                "throttled_until": .nullable(throttle(remote, now: now)?.iso8601), "last_success_at": .nullable(remote.lastSuccessAt),
                "last_failure_at": .nullable(remote.lastFailureAt), "last_error": .nullable(remote.lastError),
            ]
        }
        return [
            "remotes": .object(remotes), "unplanned": .integer(Int64(status.unplanned)), "last_run": status.lastRun.map(json) ?? .null,
            "held_by_brake": .integer(Int64(status.heldByBrake)), "held_by_brake_since": .nullable(status.heldByBrakeSince),
            "refused": .array(
                status.refused.map { refused in
                    [
                        "remote": .string(refused.remote), "members": .array(refused.members.map(JSONValue.string)),
                        "rows": .integer(Int64(refused.rows)),
                    ]
                }),
            "held_ends": .integer(Int64(status.heldEnds)), "held_ends_at": .array(status.heldEndsAt.map(JSONValue.string)),
            "shared_objects": .array(status.shared.map(json)), "unreadable": .integer(Int64(status.putAside)),
            "unreadable_keys": .array(status.unreadable.map { ["hex": .string($0.hex), "problem": .string($0.problem)] }),
        ]
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

    static func lines(_ status: StoreStatus, _ gates: [String: RemoteGate.Settings], now: Instant) -> [String] {
        var table = TextTable(header: [
            "REMOTE", "OLDEST", "PENDING", "IN FLIGHT", "LIMIT", "RETRYING", "HELD", "DEAD", "UNCERTAIN", "LAST SUCCESS", "STATE",
        ])
        for remote in status.remotes {
            let (state, colour) = state(remote, now: now)
            table.rows.append([
                .init(remote.name), .init(age(remote, now: now).map { Span.seconds($0).description } ?? "-"), .number(remote.pending),
                .number(remote.inFlight), .init(limit(remote, gates[remote.name])), .number(remote.retrying, highlight: .yellow),
                .number(remote.held, highlight: .yellow),
                .number(remote.dead, highlight: .red), .number(remote.uncertain, highlight: .red), .init(remote.lastSuccessAt ?? "never"),
                .init(state, colour),
            ])
        }
        var lines = table.lines
        if status.unplanned > 0 { lines.append("\(status.unplanned) changes not planned yet") }
        if status.heldByBrake > 0 {
            let since = status.heldByBrakeSince.map { " since \($0)" } ?? ""
            lines.append(
                Terminal.paint(
                    "the brake holds \(status.heldByBrake) rows\(since): convosync plan, then convosync outbox release --held-by brake "
                        + "or discard --held-by brake", .red))
        }
        for refused in status.refused {
            lines.append(
                Terminal.paint(
                    "\(refused.remote) refuses \(refused.members.joined(separator: ", ")) of \(refused.rows) conversation"
                        + "\(refused.rows == 1 ? "" : "s"): convosync outbox list --remote \(refused.remote) --state dead", .red))
        }
        if status.heldEnds > 0 {
            lines.append(
                Terminal.paint(
                    "\(status.heldEnds) conversations are said to be over at \(status.heldEndsAt.joined(separator: ", ")), which waits for "
                        + "somebody to look: convosync explain, then convosync outbox release --held-by brake", .red))
        }
        lines += status.shared.prefix(sharedObjectLines).map { Terminal.paint($0.text, .red) }
        if status.shared.count > sharedObjectLines {
            lines.append(
                Terminal.paint("… and \(status.shared.count - sharedObjectLines) more shared objects: convosync status --json", .red))
        }
        if let first = status.unreadable.first {
            lines.append(
                Terminal.paint(
                    "\(status.putAside) rows have a key that cannot be used and are left out: \(first.problem), x'\(first.hex)'"
                        + (status.putAside > 1 ? ", …" : "") + "; find it with hex(id), then correct or delete it", .red))
        }
        if let run = status.lastRun {
            let counts = run.counts
            lines.append(
                "last run \(run.id) (\(run.cause)) at \(run.startedAt): \(counts.examined) examined, \(counts.planned) planned, "
                    + "\(counts.delivered) delivered, \(counts.putBack) put back, \(counts.dead) dead"
                    + (run.error.map { "; \($0)" } ?? (run.finishedAt == nil ? "; not finished" : "")))
        } else {
            lines.append("no run yet")
        }
        return lines
    }

    private static func state(_ remote: RemoteStatus, now: Instant) -> (String, Terminal.Colour?) {
        if let pausedAt = remote.gate.pausedAt { return ("paused since \(pausedAt.iso8601)", .yellow) }
        if let parkedAt = remote.gate.parkedAt {
            return ("parked since \(parkedAt.iso8601): \(remote.gate.parkReason ?? "refused")", .red)
        }
        if let until = throttle(remote, now: now) { return ("throttled until \(until.iso8601)", .yellow) }
        if remote.gate.breakerOpenUntil != nil {
            let word = breaker(remote, now: now) == "open" ? "open" : "half-open"
            return ("breaker \(word): \(remote.lastError ?? "too many failures")", .red)
        }
        if remote.retrying > 0, let error = remote.lastError { return ("retrying: \(error)", .yellow) }
        return ("ok", .green)
    }

    private static func breaker(_ remote: RemoteStatus, now: Instant) -> String { remote.gate.breaker(now: now) }

    /// How many calls may be in flight: `8`, or `2 of 8` where experience has lowered it.
    private static func limit(_ remote: RemoteStatus, _ settings: RemoteGate.Settings?) -> String {
        guard let settings else { return "-" }
        let limit = remote.gate.concurrency(of: settings)
        return limit == settings.concurrency ? "\(limit)" : "\(limit) of \(settings.concurrency)"
    }

    private static func throttle(_ remote: RemoteStatus, now: Instant) -> Instant? {
        remote.gate.throttledUntil.flatMap { $0 > now ? $0 : nil }
    }

    /// Seconds since the oldest row that waits was written.
    private static func age(_ remote: RemoteStatus, now: Instant) -> Int64? {
        remote.oldestPendingAt.flatMap(Instant.init(iso8601:)).map { max((now - $0).milliseconds / 1000, 0) }
    }
}
