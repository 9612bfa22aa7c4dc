import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

extension SchemaMigrations {
    /// Brings the file at the path to the schema of an earlier release; creates it where it does not exist.
    static func migrate(fileAt path: String, upTo last: String?) throws {
        try migrate(SQLiteSession(path: path, access: .creating, busyTimeout: .seconds(5)), path: path, upTo: last)
    }
}

extension Store {
    /// Passes the text of every statement to the closure before it runs; nil: no longer.
    func trace(_ hear: (@Sendable (String) -> Void)?) async throws {
        let connection = try #require(connection as? SQLiteConnection)
        try await connection.withSession { session in session.trace = hear }
    }
}

/// Single parts of exchanges.
extension Store {
    func reconcileRemotes(_ remotes: [RemoteParticipation], now: Instant) async throws(StoreError) -> [String] {
        try await write { session in try Store.reconcileRemotes(remotes, now: now, session) }
    }

    func feedReplan(_ remotes: [RemoteParticipation], pageSize: Int = 2000, now: Instant) async throws(StoreError) -> Int {
        try await write { session in try Store.feedReplan(remotes, pageSize: pageSize, now: now, session) }
    }

    func dropStrayFeed(_ remotes: [RemoteParticipation]) async throws(StoreError) -> [String] {
        try await write { session in try Store.dropStrayFeed(remotes, session) }
    }

    /// Whether nothing can be planned for any remote, configured or not.
    func feedIsEmpty() async throws(StoreError) -> Bool {
        try await read { session in
            try !session.exists("SELECT 1 FROM change_feed WHERE deferred IN (0, 3)") && !Store.hasReadyMessage(of: [.everyRemote], session)
        }
    }

    func surveyFeed(_ context: PlanContext, rememberedRows: Int) async throws(StoreError) -> FeedSurvey {
        var survey = FeedSurvey(rememberedRows: rememberedRows)
        while !survey.isComplete {
            let page = survey
            survey = try await read { session in try Store.advance(page, context, session) }
        }
        return survey
    }

    func register(_ process: ProcessIdentity, now: Instant) async throws(StoreError) -> Int64 {
        try await write { session in try Store.register(process, now: now, session) }
    }

    func recover(
        now: Instant, except inFlight: Set<Int64> = [], isGone: @escaping @Sendable (ProcessIdentity) -> Bool
    ) async throws(StoreError) -> RecoveredClaims {
        try await write { session in try Store.recover(now: now, except: inFlight, isGone: isGone, session) }
    }

    func nextDue(_ remote: String, after timestamp: Instant) async throws(StoreError) -> Instant? {
        try await read { session in try Store.nextDue(remote, after: timestamp, session) }
    }

    func hasPending(_ remote: String) async throws(StoreError) -> Bool {
        try await read { session in try Store.isSomethingDue(remote, by: Instant(milliseconds: .max), session) }
    }

    /// A commit without any effect.
    func touch() async throws(StoreError) {
        try await write { session in
            _ = try session.run("INSERT INTO runs (cause, process_id, started_at) VALUES ('test', 1, \(StoreScenario.start))")
        }
    }

    func shrink(by pages: Int) async throws(StoreError) {
        try await connection.perform { [connection] _ in try connection.shrink(by: pages) }
    }

    func checkpoint() async throws(StoreError) {
        try await connection.perform { [connection] _ in try connection.checkpoint() }
    }

    // MARK: Inbound

    func receive(_ notices: [Notice], from remote: String, now: Instant) async throws(StoreError) -> Int {
        try await write { session in try Store.receive(notices, from: remote, now: now, session) }
    }

    func processInbox(_ context: InboundContext, waiting limits: WaitingLimits = .init()) async throws(StoreError) -> InboxResult {
        var result = InboxResult()
        var hasMore = true
        while hasMore {
            let batch = try await write { session in
                let processed = try Store.processInbox(context, session)
                return (processed, dropped: try Store.dropWaiting(limits, now: context.now, session))
            }
            result.add(batch.0.result)
            result.add(InboxResult(dropped: batch.dropped))
            hasMore = batch.0.hasMore || !batch.dropped.isEmpty
        }
        return result
    }

    func reconcile(_ reports: [Report], _ context: InboundContext) async throws(StoreError) -> [Reconciled] {
        try await write { session in try reports.flatMap { try Store.reconcile($0, context, session) } }
    }

    func readRequests(of remote: RemoteParticipation, limit: Int, now: Instant? = nil) async throws(StoreError) -> [ReadRequest] {
        try await read { session in try Store.readRequests(of: remote, limit: limit, now: now, session) }
    }

    func nextRequest(of remote: String, after now: Instant) async throws(StoreError) -> Instant? {
        try await read { session in try Store.nextRequest(of: remote, after: now, session) }
    }

    func postponeRequests(_ reads: [FailedRead], of remote: String, now: Instant) async throws(StoreError) {
        try await write { session in try Store.postponeRequests(reads, of: remote, now: now, session) }
    }

    func endReadRequests(_ reads: [CompletedRead], of remote: String, now: Instant? = nil) async throws(StoreError) {
        try await write { session in try Store.endReadRequests(reads, of: remote, now: now, session) }
    }

    /// Advances the rotation.
    func nextInRotation(_ remote: RemoteParticipation, limit: Int) async throws(StoreError) -> [ReadRequest] {
        try await write { session in
            let (objects, cursor) = try Store.nextInRotation(remote, limit: limit, session)
            try Store.storeRotation(cursor, of: remote.name, session)
            return objects
        }
    }

    func noteRead(_ remote: String, now: Instant) async throws(StoreError) {
        try await write { session in try Store.noteRead(remote, now: now, session) }
    }

    func noteReadFailure(_ remote: String, error: String, now: Instant) async throws(StoreError) {
        try await write { session in try Store.noteReadFailure(remote, error: error, now: now, session) }
    }

    func forgetReads(of remotes: [String]) async throws(StoreError) {
        try await write { session in try Store.forgetReads(of: remotes, session) }
    }

    func withdrawReleases(except remotes: [String]) async throws(StoreError) {
        try await write { session in try Store.withdrawReleases(except: remotes, session) }
    }

    // MARK: Retention

    func newestRow() async throws(StoreError) -> Int64 { try await read { session in try Store.newestRow(session) } }

    func prune(_ cut: Retention.Cut) async throws(StoreError) -> PrunedPage {
        try await write { session in try Store.prune(cut, session) }
    }

    func pruneInbound(before timestamp: Instant) async throws(StoreError) -> Int {
        try await write { session in try Store.pruneInbound(before: timestamp, session) }
    }
}
