import Fixtures
import SyncCore
import Synchronization
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// A store on a database of its own, remotes that are only names (``Scripted`` decides for them), and the application's connection. Nothing
/// runs by itself: a test plans, claims and records by the store's functions, at the times that it names.
final class StoreScenario: ApplicationSide, Sendable {
    /// The time at which every test starts; nothing reads the clock.
    static let start = Instant(milliseconds: 1_772_366_400_000)

    let folder: TemporaryDirectory
    let path: String
    let store: Store
    let application: ApplicationDatabase
    let remotes: [RemoteParticipation]
    private static let template = Result { try DatabaseTemplate { try Store(path: $0, access: .migrating).close() } }
    private let pages = Mutex<UInt64>(0)
    private let claims = Mutex<Int64>(0)

    init(_ remotes: [RemoteParticipation] = [.voicebot, .vg, .helpdesk, .fin], foreignKeys: Bool = true) throws {
        folder = try TemporaryDirectory()
        path = folder.file("convosync.db")
        try StoreScenario.template.get().copy(to: path)
        store = try Store(path: path, access: .migrating)
        application = try ApplicationDatabase(path: path, foreignKeys: foreignKeys)
        self.remotes = remotes
    }

    // MARK: The application's side

    /// Conversations with links to all remotes that need one.
    func addConversations(_ ids: String...) throws {
        try application.add(
            ids.map { id in SampleConversation(id, links: remotes.filter(\.needsLink).map { .init($0.name, "r-\(id)") }) })
    }

    func addMessage(_ id: String, of conversation: String, at time: String = "2026-03-01T11:00:00.000Z") throws {
        try application.addMessage(id, of: conversation, body: "text of \(id)", at: time)
    }

    /// The entries of the feed: `conversation|remote|deferred`.
    func feed() throws -> [String] {
        try lines("SELECT conversation_id, remote, deferred FROM change_feed ORDER BY 1, 2")
    }

    func clearFeed() throws {
        try write("DELETE FROM change_feed; DELETE FROM message_feed")
    }

    /// The values that calls in doubt carried: `field=[values]`.
    func doubts() throws -> [String] {
        try lines(
            """
            SELECT key || '=' || json_extract(value, '$.doubt') FROM link_state, json_each(fields)
            WHERE json_type(value, '$.doubt') IS NOT NULL ORDER BY key
            """)
    }

    /// The local images that were last agreed on: `field=value`.
    func agreed() throws -> [String] {
        try lines(
            """
            SELECT key || '=' || coalesce(json_extract(value, '$.ours'), 'null') FROM link_state, json_each(fields)
            WHERE json_type(value, '$.ours') IS NOT NULL ORDER BY key
            """)
    }

    /// All outbox rows: `id|conversation|remote|state`.
    func outbox(_ condition: String = "1") throws -> [String] {
        try lines("SELECT id, conversation_id, remote, state FROM outbox WHERE \(condition) ORDER BY id")
    }

    // MARK: The daemon's side

    func context(now: Instant = StoreScenario.start, remotes: [RemoteParticipation]? = nil) -> PlanContext {
        PlanContext(remotes: remotes ?? self.remotes, now: now, decide: Scripted.decide, decideMessage: Scripted.decideMessage)
    }

    func parties(_ context: PlanContext, uptime: (@Sendable () -> Duration)? = nil) -> Parties {
        Parties(
            context.remotes, brake: context.brake, decide: context.decide, decideMessage: context.decideMessage,
            decisions: { _ in Scripted() }, isGone: { _ in false }, uptime: uptime)
    }

    func parties(_ remotes: [RemoteParticipation]? = nil, uptime: (@Sendable () -> Duration)? = nil) -> Parties {
        parties(context(remotes: remotes), uptime: uptime)
    }

    /// The idempotency key of the first planned row.
    static var firstKey: String {
        var keys = IdempotencyKeys(seed: 1)
        return keys.next()
    }

    /// A page without limits, under a disabled brake: the remote that is pushed last waits only for calls in flight.
    func page(_ brake: Brake = .off, isFirst: Bool = false) -> PlanPage {
        let seed = pages.withLock { number in
            number += 1
            return number
        }
        // The size of a page does not depend on time, so that a busy machine changes nothing.
        return PlanPage(
            limit: PlanWriter.pageSize, timeLimit: .seconds(600), brake: brake, delivering: [], stall: .zero, isFirst: isFirst,
            keySeed: seed)
    }

    func exchange(now: Instant = StoreScenario.start, process: Int64 = 1, _ fill: (inout Exchange) -> Void) -> Exchange {
        let counter = claims.withLock { counter in
            counter += 1
            return counter
        }
        var exchange = Exchange(
            now: now, uptime: .minutes(1) + (now - StoreScenario.start), run: RunPart(cause: .change, startedAt: now),
            leases: LeaseValues(processID: process, counter: counter)
        )
        fill(&exchange)
        return exchange
    }

    /// Plans one page.
    @discardableResult
    func planPage(_ context: PlanContext? = nil, brake: Brake = .off) async throws -> PlanBatch {
        let context = context ?? self.context()
        let page = page(brake)
        let result = try await store.exchange(exchange(now: context.now) { $0.plan = page }, for: parties(context))
        if let problem = result.problems.first { throw Problem(text: problem) }
        return try #require(result.plan).batch
    }

    /// Thrown when a part of an exchange was left out.
    struct Problem: Error {
        var text: String
    }

    /// Plans everything on the feeds.
    func plan(now: Instant = StoreScenario.start, remotes: [RemoteParticipation]? = nil, brake: Brake = .off) async throws {
        let context = context(now: now, remotes: remotes)
        while true {
            let page = page(brake)
            let result = try await store.exchange(exchange(now: now) { $0.plan = page }, for: parties(context))
            if let problem = result.problems.first { throw Problem(text: problem) }
            let planned = try #require(result.plan)
            if !planned.hasMore, planned.nextPlanAt.map({ $0 > now }) ?? true { return }
        }
    }

    func inbound(now: Instant = StoreScenario.start) -> InboundContext {
        InboundContext(remotes: remotes, now: now) { _ in Scripted() }
    }

    /// One exchange for a single lane.
    func exchange(
        _ remote: String, finished: [FinishedCall] = [], claim: Int = 0, retries: Int? = nil, gate: RemoteGate.Stored? = nil,
        absences: [AbsenceRecord] = [], now: Instant = StoreScenario.start, process: Int64 = 1
    ) async throws -> LaneResult {
        var request = LaneRequest(remote: remote)
        request.finished = finished
        request.gate = gate
        request.absences = absences
        if claim > 0 {
            request.claim = LaneRequest.Claim(rows: claim, retries: retries ?? claim, retriesDueBy: now, leaseDuration: .seconds(60))
        }
        let result = try await store.exchange(exchange(now: now, process: process) { $0.lanes = [request] }, for: parties())
        if let problem = result.problems.first { throw Problem(text: problem) }
        return try #require(result.lanes[remote])
    }

    func claim(_ remote: String, _ count: Int = 10, now: Instant = StoreScenario.start, process: Int64 = 1) async throws -> [ClaimedRow] {
        try await exchange(remote, claim: count, now: now, process: process).claimed
    }

    /// Ends a call as a lane does.
    func finished(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome, now: Instant = StoreScenario.start) -> FinishedCall {
        var row = claimed.row
        var random = SystemRandomNumberGenerator()
        let policy = RetryPolicy(base: .zero, cap: .zero)
        let reason = row.finish(outcome, startedAt: now, now: now, policy: policy, timeout: .seconds(10), using: &random)
        return FinishedCall(
            claimed: claimed, row: row, startedAt: now, finishedAt: now, outcome: outcome, error: reason ?? outcome.error)
    }

    @discardableResult
    func finish(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome, now: Instant = StoreScenario.start) async throws -> LaneResult {
        try await exchange(claimed.remote, finished: [finished(claimed, outcome, now: now)], now: now)
    }

    /// Plans and delivers until nothing is due.
    func converge(now: Instant = StoreScenario.start) async throws {
        try await plan(now: now)
        for remote in remotes {
            while let claimed = try await claim(remote.name, 1, now: now).first {
                // The response dates the call and shows no fields.
                try await finish(
                    claimed, DeliveryOutcome(.delivered, httpStatus: 200, observation: Observation(changedAt: now)), now: now)
            }
        }
    }

    /// A conversation that was sent to every remote, and that reads of voicebot and vg confirmed: the first contact is over.
    static func converged() async throws -> StoreScenario {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.converge()
        for (remote, agent) in [("voicebot", nil), ("vg", "agent9")] {
            let report = Report(
                remote: remote, subject: .object(ReadRequest(remoteID: "r-c1", agentID: agent)), observation: Observation(word: "open"),
                readAt: start)
            _ = try await scenario.store.reconcile([report], scenario.inbound())
        }
        return scenario
    }

    /// Exactly one claimed row, or a failed test.
    func claimOne(_ remote: String, now: Instant = StoreScenario.start, process: Int64 = 1) async throws -> ClaimedRow {
        let claimed = try await claim(remote, now: now, process: process)
        try #require(claimed.count == 1)
        return try #require(claimed.first)
    }
}

extension Brake {
    static var off: Brake {
        var settings = Settings()
        settings.isEnabled = false
        return Brake(settings)
    }

    /// A brake that has engaged.
    static var engaged: Brake {
        var brake = Brake(Settings())
        _ = brake.survey(.init(any: .init(touched: 9000, finished: 9000)), entries: 0, conversations: 9000)
        return brake
    }

    /// The text that `outbox.last_error` keeps.
    static let engagedHold = "held by the brake: its run would finish 9000 and touch 9000 of 9000 conversations"
}
