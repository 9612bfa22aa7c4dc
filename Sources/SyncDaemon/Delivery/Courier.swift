import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// Makes one call of a remote and says how the row stands afterwards. Holds no state.
struct Courier: Sendable {
    let remote: Remote
    let adapter: any Adapter
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
                reply, delta: claimed.delta, about: claimed.targetID, redaction: redaction(claimed, credential), now: now())
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
        let known = [(try? JSONValue(stored: claimed.body)) ?? .null] + claimed.known.values
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
        return FinishedCall(
            claimed: claimed, row: row, startedAt: startedAt, finishedAt: finishedAt, outcome: outcome,
            error: reason ?? outcome.error, news: news(claimed, outcome))
    }

    /// What Fin says with the response to a message. Its status decides whether it takes the next one, so it is recorded each time.
    private func news(_ claimed: ClaimedRow, _ outcome: DeliveryOutcome) -> Observation? {
        guard outcome.outcome == .delivered, claimed.delta == nil, let news = outcome.observation, news.word != nil else { return nil }
        return news
    }
}
