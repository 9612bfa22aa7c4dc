import SyncCore
import SyncRemotes

@testable import SyncEngine

/// Remotes, rows and outcomes for tests.
enum MadeUp {
    static let noon = Instant(milliseconds: 1_772_366_400_000)

    static func remote(
        _ kindName: String, concurrency: Int = 8, rate: RateLimit? = nil, poll: PollSettings? = nil, isEnabled: Bool = true
    ) -> Remote {
        guard let kind = Kinds.all.named(kindName) else { preconditionFailure("there is no kind \(kindName)") }
        var profile = Profile(name: kindName, kind: kind)
        if kind.keys.contains(where: { $0.name == "agent_id" }) { profile.own["agent_id"] = .text("agent") }
        return Remote(
            profile: profile, url: "https://\(kindName).example.com", credential: .environment(variable: "TOKEN"), isEnabled: isEnabled,
            gate: RemoteGate.Settings(concurrency: concurrency, rate: rate), limits: HTTPLimits(), classifier: OutcomeClassifier(),
            poll: poll)
    }

    /// Retries are due 100 ms after a failure at the latest; nothing is pruned.
    static func settings(interval: Duration = .minutes(1), debounce: Duration = .milliseconds(50)) -> Engine.Settings {
        var retention = Retention.Settings()
        retention.isEnabled = false
        return Engine.Settings(
            interval: interval, debounce: debounce, stall: .seconds(10),
            retry: RetryPolicy(base: .milliseconds(100), cap: .milliseconds(100)), brake: .init(), retention: retention)
    }

    /// A time at which the wall clock and the steady clock are equal.
    static func time(_ span: Duration = .zero) -> EventTime { EventTime(steady: noon + span, offset: .zero) }

    static func context(_ span: Duration = .zero, isStopping: Bool = false) -> Context {
        Context(
            time: time(span), retry: RetryPolicy(), isStopping: isStopping, random: SplitMix64(seed: 1), lastCall: 0)
    }

    static func claimedRow(
        _ id: Int64, _ conversation: String, at remote: String, attempts: Int = 0, lease: Int64 = 1, leaseUntil: Instant = noon + .hours(1)
    ) -> ClaimedRow {
        ClaimedRow(
            id: id, conversationID: conversation, remote: remote, operation: "update_conversation", method: "POST",
            path: "/\(conversation)",
            body: "{}", idempotencyKey: "\(id)", row: OutboxRow(payload: .state, state: .sending, attempts: attempts, dueAt: noon),
            delta: Delta(fields: Fields()), earlierAttempts: attempts, lease: lease, leaseUntil: leaseUntil, known: NothingKnown(),
            numbers: .init(repeating: 0), isReleased: false, missingSince: nil, targetID: conversation, agent: nil,
            plannedAt: Instant(milliseconds: 0))
    }

    static func finishedCall(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome? = DeliveryOutcome(.delivered)) -> FinishedCall {
        var row = claimed.row
        switch outcome?.outcome {
        case .delivered?: row.state = .delivered
        case .dead?, .gone?: row.state = .dead
        default: row.state = .pending
        }
        return FinishedCall(claimed: claimed, row: row, startedAt: noon, finishedAt: noon, outcome: outcome, error: outcome?.error)
    }
}

/// For a link about which nothing was ever agreed.
struct NothingKnown: KnownLink {
    var linkRecord: LinkRecord { LinkRecord() }
    var seenAt: Instant? { nil }
    var values: [JSONValue] { [] }
}

extension StoreError {
    /// An error that passes by itself, and one that lasts.
    static let passing = StoreError.locked
    static let lasting = StoreError.damaged(path: "/srv/app.db", detail: "page 7")
}
