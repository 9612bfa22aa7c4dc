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

    /// Makes a call that changes nothing at the remote.
    func read(_ call: OutboundCall, credential: Credential) async -> (outcome: DeliveryOutcome, body: JSONValue?) {
        var headers = standardHeaders(credential)
        if call.body != .null { headers.append(("Content-Type", "application/json")) }
        let request = HTTPCall(
            method: call.method, url: remote.url + call.path, headers: headers, body: call.body == .null ? "" : call.body.text)
        do throws(TransportFailure) {
            let reply = try await transport.send(request)
            return ReplyReader(adapter: adapter, classifier: remote.classifier).readState(reply, now: now())
        } catch {
            return (remote.classifier.classify(error), nil)
        }
    }

    private func standardHeaders(_ credential: Credential) -> [(name: String, value: String)] {
        [("Authorization", "Bearer \(credential.token)"), ("Accept", "application/json"), ("User-Agent", Courier.userAgent)]
            + adapter.headers
    }

    private func httpCall(_ claimed: ClaimedRow, _ credential: Credential) -> HTTPCall {
        HTTPCall(
            method: claimed.method, url: remote.url + claimed.path,
            headers: standardHeaders(credential) + [
                ("Content-Type", "application/json"), ("Idempotency-Key", claimed.idempotencyKey),
            ], body: claimed.body)
    }

    private func redaction(_ claimed: ClaimedRow, _ credential: Credential) -> Redaction {
        // What earlier calls said is known over there, too.
        let known: [JSONValue] = [
            (try? JSONValue(stored: claimed.body)) ?? .null, .object(claimed.knowledge.base), .object(claimed.knowledge.seen),
        ]
        return Redaction(credential: credential.token, body: .array(known))
    }

    /// The same call as if it had not been made, because the URL may be wrong: the row is pending again, and no attempt is used.
    func parked(_ call: FinishedCall) -> FinishedCall { asIfUnsent(call, .park, reason: parkReason(call)) }

    /// The same, where nothing is wrong with the URL: it is sent once more.
    func postponed(_ call: FinishedCall) -> FinishedCall {
        asIfUnsent(
            call, .interrupted, reason: "asked once more, now that the URL is known to be right: \(call.outcome?.error ?? "HTTP 404")")
    }

    private func asIfUnsent(_ call: FinishedCall, _ outcomeClass: OutcomeClass, reason: String) -> FinishedCall {
        guard var outcome = call.outcome else { return call }
        outcome.outcome = outcomeClass
        outcome.error = reason
        var parked = finish(call.claimed, outcome, startedAt: call.startedAt)
        parked.finishedAt = call.finishedAt
        parked.isMissing = outcome.absence == .object
        return parked
    }

    func parkReason(_ call: FinishedCall) -> String {
        "URL wrong? Nothing that was asked for is known there, last: \(call.outcome?.error ?? "HTTP 404")"
    }

    private func finish(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome, startedAt: Instant) -> FinishedCall {
        let finishedAt = now()
        var row = claimed.row
        var stream = random.stream
        let reason = row.finish(
            outcome, startedAt: startedAt, now: finishedAt, policy: retry, timeout: remote.limits.totalTimeout, using: &stream)
        let news = news(claimed, outcome)
        return FinishedCall(
            claimed: claimed, row: row, startedAt: startedAt, finishedAt: finishedAt, outcome: outcome,
            error: reason ?? outcome.error, acknowledgement: acknowledgement(claimed, outcome, news), news: news)
    }

    /// What the answer says besides what was sent. An answer that contradicts what was sent is drift, and no news.
    private func news(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome) -> Observation? {
        guard outcome.outcome == .delivered, var news = outcome.observation else { return nil }
        let sent = claimed.delta?.fields ?? [:]
        if let statusField = adapter.statusField, sent[statusField] != nil { news.word = nil }
        if let assigneeField = adapter.assigneeField, sent[assigneeField] != nil { news.assignee = .unknown }
        if sent["title"] != nil { news.title = nil }
        if sent["tags"] != nil { news.tags = nil }
        // Fin's status decides whether it takes the next message, so it is recorded each time.
        if claimed.delta == nil { return news.word == nil ? nil : news }
        guard claimed.knowledge.base.isEmpty == false, !adapter.news(in: news, knowing: claimed.knowledge).isEmpty else { return nil }
        // Without a word nothing can be concluded from an assignee.
        if news.word == nil { news.word = adapter.statusField.flatMap { sent[$0]?.stringValue } }
        return news
    }

    private func acknowledgement(
        _ claimed: ClaimedRow, _ outcome: DeliveryOutcome, _ news: Observation?
    ) -> FinishedCall.Acknowledgement? {
        guard outcome.outcome == .delivered else { return nil }
        let knowledge = claimed.knowledge
        // What is news is compared with what was known before, so it is not known yet.
        let unknown = news.map { adapter.news(in: $0, knowing: knowledge) } ?? []
        let observed = outcome.observed.filter { !unknown.contains($0.key) || claimed.delta?.fields[$0.key] != nil }
        return FinishedCall.Acknowledgement(
            base: claimed.delta.map { adapter.base(knowledge.base, acknowledging: $0) } ?? knowledge.base,
            inDoubt: knowledge.attempted.filter { claimed.delta?.fields[$0.key] == nil },
            // What was acknowledged is newer than what was reported before.
            seen: knowledge.seen.filter { claimed.delta?.fields[$0.key] == nil }.merging(observed) { _, reported in reported })
    }
}
