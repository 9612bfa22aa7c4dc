import SyncCore
import SyncDaemon
import SyncStore

/// `status` for people: the service, a table, and a note about each problem, with what to do about it.
///
/// No line is wider than ``width``, except for the first line, and for commands, which are to be copied as a whole.
struct StatusView {
    static let width = 80
    /// The most shared objects that are listed.
    private static let sharedObjectLines = 10

    let status: StoreStatus
    /// The settings of the configured remotes.
    let gates: [String: RemoteGate.Settings]
    /// The remotes in service, including those whose table has problems.
    let enabled: Set<String>
    /// Nil if no service has used the database yet.
    let service: ServiceState?
    let now: Instant

    init(_ store: Store, _ configuration: OperatorConfiguration) async throws(StoreError) {
        let known = try await store.knownRemotes()
        let names = configuration.namesInService(known: known)
        var status = try await store.status(of: configuration.participationsInService(known: known))
        // Remotes of which not even the kind can be read.
        let missing = Set(names).subtracting(status.remotes.map(\.name))
        status.remotes = (status.remotes + missing.map(RemoteStatus.init)).sorted { $0.name < $1.name }
        for index in status.remotes.indices where status.remotes[index].retrying > 0 {
            status.remotes[index].retryError = try await store.retryError(of: status.remotes[index].name)
        }
        status.shared = try await store.sharedObjects(at: configuration.remotes.map(\.participation))
        let now = SystemClock.now()
        self.init(
            status: status, gates: Dictionary(configuration.enabledRemotes.map { ($0.name, $0.gate) }) { first, _ in first },
            enabled: Set(names), service: ServiceState(status.service, now: now), now: now)
    }

    init(status: StoreStatus, gates: [String: RemoteGate.Settings], enabled: Set<String>, service: ServiceState?, now: Instant) {
        (self.status, self.gates, self.enabled, self.service, self.now) = (status, gates, enabled, service, now)
    }

    var lines: [String] {
        [serviceLine, ""] + table + [""] + timeTable + notes + lastRunLines
    }

    // MARK: The service

    private var serviceLine: String {
        guard let service else { return Terminal.paint("the service is not running; it has never run with this database", .red) }
        guard service.isRunning else {
            return Terminal.paint("the service is not running; last seen \(time(service.lastSeenAt)), pid \(service.pid)", .red)
        }
        let facts =
            "the service is running: started \(time(service.startedAt)), pid \(service.pid), version \(service.version), "
            + "configuration as of \(time(service.configuredAt))"
        if service.isSilent {
            return Terminal.paint("\(facts); it has given no sign of life since \(time(service.lastSeenAt))", .red)
        }
        return service.isConfigurationStale ? "\(facts), and its file has changed since: systemctl reload convosync" : facts
    }

    func since(_ moment: String) -> String { DisplayedTime.since(moment, now: now) }

    func until(_ moment: Instant) -> String { DisplayedTime.until(moment, now: now) }

    func time(_ moment: String) -> String { DisplayedTime.text(moment, now: now) }

    // MARK: The tables

    private var table: [String] {
        var table = TextTable(header: ["REMOTE", "STATE", "OLDEST", "PENDING", "SENDING", "HELD", "DEAD", "UNCERTAIN"])
        for remote in status.remotes {
            let state = state(of: remote)
            table.rows.append([
                .init(remote.name), .init(state.text, state.colour), .init(age(remote).map { Duration.seconds($0).notation } ?? "-"),
                .number(remote.pending), .number(remote.inFlight), .number(remote.held, highlight: .yellow),
                .number(remote.dead, highlight: .red), .number(remote.uncertain, highlight: .red),
            ])
        }
        return table.lines
    }

    private var timeTable: [String] {
        var table = TextTable(header: ["REMOTE", "LAST ACKNOWLEDGED", "LAST READ", "CALLS AT ONCE"])
        for remote in status.remotes {
            table.rows.append([
                .init(remote.name), .init(remote.lastSuccessAt.map(time) ?? "never"), .init(remote.reads.lastReadAt.map(time) ?? "-"),
                .init(limit(remote)),
            ])
        }
        return table.lines
    }

    /// How many calls may be in flight: `8`, or `2 of 8` while the limit is lowered.
    private func limit(_ remote: RemoteStatus) -> String {
        guard let settings = gates[remote.name] else { return "-" }
        let limit = remote.gate.concurrency(of: settings)
        return limit == settings.concurrency ? "\(limit)" : "\(limit) of \(settings.concurrency)"
    }

    /// For how many seconds the remote has differed, over everything that is waiting or in flight.
    func age(_ remote: RemoteStatus) -> Int64? { age(remote.oldestPendingAt) }

    func age(_ moment: String?) -> Int64? {
        moment.flatMap(Instant.init(iso8601:)).map { max((now - $0).milliseconds / 1000, 0) }
    }

    /// When the throttle ends; nil if there is none.
    func throttle(_ remote: RemoteStatus) -> Instant? { remote.gate.throttledUntil.flatMap { $0 > now ? $0 : nil } }

    /// The most urgent condition of the remote as a whole; the notes list the others.
    func state(of remote: RemoteStatus) -> (text: String, colour: Terminal.Colour?) {
        if !enabled.contains(remote.name) { return ("not enabled", .yellow) }
        if let service, !service.isRunning { return ("stopped", .red) }
        if service?.isSilent == true { return ("silent", .red) }
        if remote.gate.pausedAt != nil { return ("paused", .yellow) }
        if remote.gate.parkedAt != nil { return ("parked", .red) }
        if remote.gate.breakerOpenUntil != nil { return (remote.gate.breaker(now: now) == "open" ? "breaker open" : "half-open", .red) }
        if throttle(remote) != nil { return ("throttled", .yellow) }
        if remote.dead + remote.uncertain > 0 { return ("needs a person", .red) }
        if remote.putAside > 0 { return ("put aside", .red) }
        if remote.retrying > 0 { return ("retrying", .yellow) }
        if remote.reads.failingSince != nil { return ("reads fail", .yellow) }
        if remote.held > 0 || status.heldEndsAt.contains(remote.name) { return ("held", .yellow) }
        // Without a service, only a manual `sync` sends it.
        if service == nil, remote.oldestPendingAt != nil { return ("waiting", .yellow) }
        return ("ok", .green)
    }

    // MARK: Notes

    /// The notes, wrapped to the width.
    private var notes: [String] {
        let notes = status.remotes.flatMap(self.notes) + changeNotes + brakeNotes + keyNotes
        return [""] + notes.flatMap(\.lines)
    }

    private func notes(of remote: RemoteStatus) -> [StatusNote] { RemoteNotes(remote: remote, view: self).all }

    private var changeNotes: [StatusNote] {
        var notes: [StatusNote] = []
        if status.unplanned > 0 {
            let oldest = status.unplannedSince.map { ", the oldest of \(time($0))" } ?? ""
            notes.append(StatusNote("\(counted(status.unplanned, "change")) not planned yet\(oldest)"))
        }
        let discarded = status.remotes.filter { $0.discarded > 0 }
        let sum = discarded.reduce(0) { $0 + $1.discarded }
        if sum > 0 {
            let names = discarded.map { "\($0.name) \($0.discarded)" }.joined(separator: ", ")
            notes.append(
                StatusNote(
                    "\(counted(sum, "conversation")) \(sum == 1 ? "differs" : "differ") and nothing is due, because rows were discarded: \(names)",
                    "convosync diff", colour: .yellow))
        }
        return notes
    }

    private var brakeNotes: [StatusNote] {
        var notes: [StatusNote] = []
        if status.heldByBrake > 0 {
            let age = status.heldByBrakeSince.map { " (\(since($0)))" } ?? ""
            notes.append(
                StatusNote(
                    "the brake holds \(counted(status.heldByBrake, "row"))\(age)",
                    "convosync plan", "convosync outbox release --held-by brake, or discard --held-by brake", colour: .red))
        }
        for refused in status.refused {
            notes.append(
                StatusNote(
                    "\(refused.remote) refuses \(refused.members.joined(separator: ", ")) of \(counted(refused.rows, "conversation"))",
                    "convosync outbox list --remote \(refused.remote) --state dead", colour: .red))
        }
        if status.heldEnds > 0 {
            notes.append(
                StatusNote(
                    "\(counted(status.heldEnds, "conversation")) \(status.heldEnds == 1 ? "is" : "are") said to be over at "
                        + "\(status.heldEndsAt.joined(separator: ", ")); the brake waits until a person has checked",
                    "convosync diff names them; check there, then:",
                    status.heldEndsAt.map { "convosync outbox release --held-by brake --remote \($0)" }.joined(separator: "; "),
                    colour: .red))
        }
        return notes
    }

    private var keyNotes: [StatusNote] {
        var notes = status.shared.prefix(StatusView.sharedObjectLines).map { StatusNote($0.text, colour: .red) }
        if status.shared.count > StatusView.sharedObjectLines {
            notes.append(
                StatusNote(
                    "… and \(status.shared.count - StatusView.sharedObjectLines) more shared objects", "convosync status --json",
                    colour: .red))
        }
        if let first = status.unreadable.first {
            notes.append(
                StatusNote(
                    "\(counted(status.putAside, "row")) \(status.putAside == 1 ? "has" : "have") a key that cannot be used and "
                        + "\(status.putAside == 1 ? "is" : "are") left out: \(first.problem), x'\(first.hex)'"
                        + (status.putAside > 1 ? ", …" : "") + "; find it with hex(id), then correct or delete it", colour: .red))
        }
        if let first = status.unplannableRows.first {
            let count = status.unplannable
            notes.append(
                StatusNote(
                    "\(counted(count, "change")) cannot be planned and \(count == 1 ? "is" : "are") put aside: \(first.about) of "
                        + "\(first.conversationID): \(first.problem)" + (count > 1 ? ", …" : ""),
                    "correct it and write the row again; a start or reload of the service has it tried again as well", colour: .red))
        }
        return notes
    }

    private var lastRunLines: [String] {
        guard let run = status.lastRun else { return ["no run yet"] }
        let counts = run.counts
        let text =
            "last run \(run.id) (\(run.cause)) \(time(run.startedAt)): \(counts.examined) examined, \(counts.planned) planned, "
            + "\(counts.delivered) delivered, \(counts.putBack) put back, \(counts.dead) dead"
            + (run.error.map { "; \($0)" } ?? (run.finishedAt == nil ? "; not finished" : ""))
        return StatusNote.wrapped(text)
    }
}

/// `1 row`, `2 rows`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
