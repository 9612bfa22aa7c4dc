import GRDB
import SyncCore

/// What planning needs from outside: who takes part, how to decide, and the edge's clock and randomness.
package struct PlanContext: Sendable {
    package var remotes: [RemoteParticipation]
    package var runID: Int64
    package var now: Instant
    package var decide: @Sendable (LinkSnapshot) -> PlanDecision
    package var decideMessage: @Sendable (MessageSnapshot) -> PlanDecision
    package var newIdempotencyKey: @Sendable () -> String

    package init(
        remotes: [RemoteParticipation], runID: Int64, now: Instant, decide: @escaping @Sendable (LinkSnapshot) -> PlanDecision,
        decideMessage: @escaping @Sendable (MessageSnapshot) -> PlanDecision,
        newIdempotencyKey: @escaping @Sendable () -> String
    ) {
        self.remotes = remotes
        self.runID = runID
        self.now = now
        self.decide = decide
        self.decideMessage = decideMessage
        self.newIdempotencyKey = newIdempotencyKey
    }
}

/// The two moments of a run at which conversations are planned.
package enum PlanStage: Sendable {
    /// Remotes with links: voicebot and vg.
    case linked
    /// The helpdesk, after the others have answered.
    case endOfRun
}

/// What one batch of planning did.
package struct PlanBatch: Sendable, Equatable {
    package struct Refused: Sendable, Equatable {
        package var outboxID: Int64
        package var conversationID: String
        package var remote: String
        package var reason: String
    }

    package struct Superseded: Sendable, Equatable {
        package var outboxID: Int64
        package var conversationID: String
        package var remote: String
        package var supersededBy: Int64
    }

    package struct OmittedField: Sendable, Equatable {
        package var conversationID: String
        package var remote: String
        package var omission: Omission
    }

    /// Entries of the feed that were worked off; 0 means that nothing is left.
    package var examined = 0
    package var planned = 0
    package var superseded: [Superseded] = []
    package var refused: [Refused] = []
    package var omissions: [OmittedField] = []
}

extension Store {
    /// Conversations looked at in one transaction.
    package static let planBatchSize = 500

    /// Plans the next conversations of the feed: one transaction reads them, writes their rows and takes them off the feed.
    package func planStates(_ stage: PlanStage, _ context: PlanContext) async throws(StoreError) -> PlanBatch {
        try await write { db in
            var batch = PlanBatch()
            let remotes = context.remotes.filter {
                $0.isEnabled && (stage == .endOfRun ? $0.isPushedAtEndOfRun : $0.needsLink)
            }
            let entries = try Store.feedEntries(db, stage: stage, context: context)
            batch.examined = entries.count
            var examined: Set<String> = []
            for (conversationID, remote) in entries where !examined.contains(conversationID) {
                if remote.isEmpty {
                    examined.insert(conversationID)
                    try Store.expand(db, conversationID: conversationID, context: context)
                }
                try Store.planConversation(
                    db, conversationID, at: remotes.filter { remote.isEmpty || $0.name == remote }, context, into: &batch)
                try Store.takeOffFeed(db, conversationID, remote: remote, stageRemotes: remotes)
            }
            return batch
        }
    }

    /// Whether any conversation waits to be planned.
    package func feedIsEmpty() async throws(StoreError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db,
                sql:
                    "SELECT NOT EXISTS (SELECT 1 FROM change_feed WHERE deferred = 0) AND NOT EXISTS (SELECT 1 FROM message_feed WHERE remote = '')"
            ) ?? true
        }
    }

    private static func feedEntries(_ db: Database, stage: PlanStage, context: PlanContext) throws -> [(String, String)] {
        let names =
            switch stage {
            case .linked: [""] + context.remotes.filter { !$0.isPushedAtEndOfRun }.map(\.name)
            case .endOfRun: context.remotes.filter(\.isPushedAtEndOfRun).map(\.name)
            }
        let statement = try db.cachedStatement(
            sql: """
                SELECT conversation_id, remote FROM change_feed WHERE deferred = 0 AND remote IN (SELECT value FROM json_each(?))
                LIMIT \(Store.planBatchSize)
                """)
        let list = JSONValue.array(names.map(JSONValue.string)).text
        return try Row.fetchAll(statement, arguments: [list]).map { ($0[0], $0[1]) }
    }

    /// "Every remote" means for the helpdesk: at the end of the run.
    private static func expand(_ db: Database, conversationID: String, context: PlanContext) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at)
                SELECT conversation_id, ?2, changed_at FROM change_feed WHERE conversation_id = ?1 AND remote = ''
                ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0
                """)
        for remote in context.remotes where remote.isPushedAtEndOfRun && remote.isEnabled {
            try statement.execute(arguments: [conversationID, remote.name])
        }
    }

    private static func takeOffFeed(
        _ db: Database, _ conversationID: String, remote: String, stageRemotes: [RemoteParticipation]
    ) throws {
        let statement = try db.cachedStatement(
            sql: "DELETE FROM change_feed WHERE conversation_id = ? AND remote = ? AND deferred = 0")
        try statement.execute(arguments: [conversationID, remote])
        if remote.isEmpty {
            for stageRemote in stageRemotes { try statement.execute(arguments: [conversationID, stageRemote.name]) }
        }
    }

    private static func planConversation(
        _ db: Database, _ conversationID: String, at remotes: [RemoteParticipation], _ context: PlanContext,
        into batch: inout PlanBatch
    ) throws {
        let statement = try db.cachedStatement(
            sql: "SELECT \(Conversation.columns) FROM conversations c LEFT JOIN users u ON u.id = c.user_id WHERE c.id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [conversationID]) else { return }
        let conversation = Result { () throws(Refusal) in try Conversation(row: row) }
        for remote in remotes {
            guard let link = try link(db, conversationID, remote) else { continue }
            if try isInFlight(db, conversationID, remote.name) {
                try deferPlanning(db, conversationID, remote.name, now: context.now)
                continue
            }
            guard let knowledge = try knowledge(db, conversationID, remote, link, assigneeID: row[5]) else { continue }
            let snapshot = LinkSnapshot(
                conversationID: conversationID, remote: remote.name, link: link, conversation: conversation, knowledge: knowledge,
                standing: try standingRow(db, conversationID, remote.name))
            try apply(context.decide(snapshot), to: snapshot, db, context, into: &batch)
        }
    }

    private static func apply(
        _ decision: PlanDecision, to snapshot: LinkSnapshot, _ db: Database, _ context: PlanContext, into batch: inout PlanBatch
    ) throws {
        if let omissions = decision.omissions {
            batch.omissions += omissions.map {
                PlanBatch.OmittedField(conversationID: snapshot.conversationID, remote: snapshot.remote, omission: $0)
            }
        }
        switch OutboxChange(decision, standing: snapshot.standing) {
        case .none:
            break
        case .insert(let planned):
            let id = try insertRow(
                db, planned.call, state: .pending, delta: planned.delta.map { deltaColumn($0, base: snapshot.knowledge.base) },
                snapshot, context)
            batch.superseded += try supersede(db, snapshot, by: id, context)
            batch.planned += 1
        case .insertRefused(let call, let refusal):
            let id = try insertRow(db, call, state: .dead, delta: nil, error: refusal.text, snapshot, context)
            batch.superseded += try supersede(db, snapshot, by: id, context)
            batch.refused.append(
                PlanBatch.Refused(
                    outboxID: id, conversationID: snapshot.conversationID, remote: snapshot.remote, reason: refusal.text))
        case .discardStanding(let reason):
            try db.cachedStatement(
                sql: """
                    UPDATE outbox SET state = 'discarded', last_error = ?, updated_at = ?, finished_at = ?
                    WHERE conversation_id = ? AND remote = ? AND payload = 'state' AND state IN ('pending', 'held', 'dead')
                    """
            ).execute(
                arguments: [reason, context.now.iso8601, context.now.iso8601, snapshot.conversationID, snapshot.remote])
        }
    }

    private static func insertRow(
        _ db: Database, _ call: OutboundCall, state: OutboxState, delta: String?, error: String? = nil, _ snapshot: LinkSnapshot,
        _ context: PlanContext
    ) throws -> Int64 {
        try NewOutboxRow(
            conversationID: snapshot.conversationID, remote: snapshot.remote, payload: .state, call: call, state: state, delta: delta,
            messageID: nil, link: snapshot.link, error: error
        ).insert(db, context)
    }

    private static func supersede(
        _ db: Database, _ snapshot: LinkSnapshot, by id: Int64, _ context: PlanContext
    ) throws -> [PlanBatch.Superseded] {
        guard snapshot.standing != nil else { return [] }
        let now = context.now.iso8601
        return try Int64.fetchAll(
            db.cachedStatement(
                sql: """
                    UPDATE outbox SET state = 'superseded', superseded_by = ?, updated_at = ?, finished_at = ?
                    WHERE conversation_id = ? AND remote = ? AND payload = 'state' AND state IN ('pending', 'held', 'dead') AND id <> ?
                    RETURNING id
                    """),
            arguments: [id, now, now, snapshot.conversationID, snapshot.remote, id]
        ).map {
            PlanBatch.Superseded(
                outboxID: $0, conversationID: snapshot.conversationID, remote: snapshot.remote, supersededBy: id)
        }
    }

    private static func deltaColumn(_ delta: Delta, base: Fields) -> String {
        var column: JSONObject = [:]
        for (field, value) in delta.fields {
            var change: JSONObject = ["to": value]
            if let before = base[field] { change["from"] = before }
            column[field] = .object(change)
        }
        return JSONValue.object(column).text
    }
}

extension PlanDecision {
    /// Nil where the decision says nothing about them.
    fileprivate var omissions: [Omission]? {
        switch self {
        case .upToDate(let omissions): omissions
        case .send(let planned): planned.omissions
        case .refuse: nil
        }
    }
}

/// A row about to be written.
struct NewOutboxRow {
    var conversationID: String
    var remote: String
    var payload: PayloadKind
    var call: OutboundCall
    var state: OutboxState
    var delta: String?
    var messageID: String?
    var link: Link
    var error: String?

    func insert(_ db: Database, _ context: PlanContext) throws -> Int64 {
        let now = context.now.iso8601
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox (run_id, conversation_id, remote, payload, operation, method, path, body, delta, message_id,
                    target_id, target_agent, idempotency_key, state, due_at, last_error, created_at, updated_at, finished_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            context.runID, conversationID, remote, payload.rawValue, call.operation, call.method, call.path, call.body.text, delta,
            messageID, link.remoteID, link.agentID, context.newIdempotencyKey(), state.rawValue, now, error, now, now,
            state.isFinished ? now : nil,
        ])
        return db.lastInsertedRowID
    }
}
