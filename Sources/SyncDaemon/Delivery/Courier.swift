import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// Makes one call of a remote and says how the row stands afterwards. Holds no state.
struct Courier: Sendable {
    let remote: RemoteConfiguration
    let adapter: any RemoteAdapter
    let transport: any HTTPTransport
    let retry: RetryPolicy
    let random: RandomSource
    let now: @Sendable () -> Instant

    /// The name and version that calls carry as `User-Agent`.
    static let userAgent = "convosync/\(ProgramVersion.current)"

    func deliver(_ claimed: ClaimedRow, credential: Credential) async -> FinishedCall {
        let startedAt = now()
        let outcome: DeliveryOutcome
        do throws(TransportFailure) {
            let reply = try await transport.send(httpCall(claimed, credential))
            let reader = ReplyReader(adapter: adapter, classifier: remote.classifier)
            outcome = reader.read(
                reply, delta: claimed.delta, redaction: redaction(claimed, credential), now: now())
        } catch {
            outcome = remote.classifier.classify(error)
        }
        return finish(claimed, outcome, startedAt: startedAt)
    }

    private func httpCall(_ claimed: ClaimedRow, _ credential: Credential) -> HTTPCall {
        HTTPCall(
            method: claimed.method, url: remote.url + claimed.path,
            headers: [
                ("Authorization", "Bearer \(credential.token)"), ("Content-Type", "application/json"), ("Accept", "application/json"),
                ("User-Agent", Courier.userAgent), ("Idempotency-Key", claimed.idempotencyKey),
            ] + adapter.headers,
            body: claimed.body)
    }

    private func redaction(_ claimed: ClaimedRow, _ credential: Credential) -> Redaction {
        // What earlier calls said is known over there, too.
        let known: [JSONValue] = [
            (try? JSONValue(text: claimed.body)) ?? .null, .object(claimed.knowledge.base), .object(claimed.knowledge.seen),
        ]
        return Redaction(credential: credential.token, body: .array(known))
    }

    private func finish(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome, startedAt: Instant) -> FinishedCall {
        let finishedAt = now()
        var row = claimed.row
        var stream = random.stream
        let reason = row.finish(
            outcome, startedAt: startedAt, now: finishedAt, policy: retry, timeout: remote.limits.totalTimeout, using: &stream)
        return FinishedCall(
            claimed: claimed, row: row, startedAt: startedAt, finishedAt: finishedAt, outcome: outcome,
            error: reason ?? outcome.error, acknowledgement: acknowledgement(claimed, outcome))
    }

    private func acknowledgement(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome) -> FinishedCall.Acknowledgement? {
        guard outcome.outcome == .delivered else { return nil }
        let knowledge = claimed.knowledge
        return FinishedCall.Acknowledgement(
            base: claimed.delta.map { adapter.base(knowledge.base, acknowledging: $0) } ?? knowledge.base,
            inDoubt: knowledge.attempted.filter { claimed.delta?.fields[$0.key] == nil },
            // What was acknowledged is newer than what was reported before.
            seen: knowledge.seen.filter { claimed.delta?.fields[$0.key] == nil }.merging(outcome.observed) { _, reported in reported })
    }
}
