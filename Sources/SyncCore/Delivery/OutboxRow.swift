/// The states of an outbox row (docs/schema.md, the table outbox).
package enum OutboxState: String, CaseIterable, Sendable, Codable {
    /// Waits until `due_at`.
    case pending
    /// Claimed: under a lease, in flight or about to be.
    case sending
    /// Acknowledged by the remote.
    case delivered
    /// Replaced by a newer row before it was delivered; `superseded_by` names that one.
    case superseded
    /// Waits for a person or a condition, with the reason in `last_error`.
    case held
    /// Given up or refused: needs a person, can be replayed.
    case dead
    /// Sent, fate unknown, repeating it may duplicate: needs a person.
    case uncertain
    /// Dropped with a reason, never sent again.
    case discarded

    /// Whether the row no longer changes by itself.
    package var isFinished: Bool {
        switch self {
        case .delivered, .superseded, .discarded, .dead, .uncertain: true
        case .pending, .sending, .held: false
        }
    }
}

/// What keeps a row in the state `held` (`outbox.held_by`).
package enum Holder: String, CaseIterable, Sendable, Codable {
    /// The remote that receives messages takes none at present.
    case receiver = "fin"
    /// The run that wrote it exceeded a limit of the brake.
    case brake
    /// The remote has undone the row's change so often that it is not sent again automatically.
    case undone
}

/// Whether a row carries the state of a conversation or an event.
package enum PayloadKind: String, Sendable, Codable {
    /// Absolute state: repeating it is harmless, a newer one replaces it.
    case state
    /// An event (a user's message): never merged, never repeated after the remote may have forgotten it.
    case message
}

/// The delivery state of one outbox row, as a state machine over values. Its owner persists the result.
///
/// | state     | event                         | next                                                            |
/// |-----------|-------------------------------|-----------------------------------------------------------------|
/// | pending   | claimed                       | sending                                                         |
/// | sending   | delivered                     | delivered                                                       |
/// | sending   | retry                         | pending later; dead when out of attempts or too old             |
/// | sending   | retry, message, fate unknown  | pending within the dedupe window; then uncertain                |
/// | sending   | throttled, park, interrupted  | pending, no attempt counted                                     |
/// | sending   | gone, dead                    | dead; a message in doubt: uncertain                             |
/// | pending, held, dead | superseded by a newer state | superseded                                              |
/// | pending, held, dead, uncertain | discarded  | discarded                                                       |
/// | held, dead, uncertain, discarded | replayed | pending with a fresh count, or planned again (`Store.manage`)     |
///
/// Invariants: only `sending` rows have a lease. A message is never superseded. `attempts` counts outcomes `retry`, `dead`, `gone`
/// and `delivered` only, `countedSince` is the beginning of the first of them that was a retry. A message in doubt is never sent later
/// than ``messageWindow`` after its first doubtful send.
package struct OutboxRow: Equatable, Sendable {
    package var payload: PayloadKind
    package var state: OutboxState
    /// Attempts that count against ``RetryPolicy/maximumAttempts``.
    package var attempts: Int
    package var dueAt: Instant
    /// When the first counted attempt began since the row was planned or last replayed; the row's age counts from here. Nil before that.
    /// Time in which the remote was paused, parked or throttled does not count: a wait that a response asks for moves this timestamp
    /// forward, and the store resets it when a remote is resumed or no longer parked.
    package var countedSince: Instant?
    /// When the first send began whose fate is unknown; nil when every attempt so far is known not to have been applied.
    package var inDoubtSince: Instant?

    /// Fin forgets a message's timestamp after five minutes (the document "Reply to Fin", `message.timestamp`).
    package static let messageWindow = Duration.minutes(5)

    package init(
        payload: PayloadKind, state: OutboxState = .pending, attempts: Int = 0, dueAt: Instant, countedSince: Instant? = nil,
        inDoubtSince: Instant? = nil
    ) {
        self.payload = payload
        self.state = state
        self.attempts = attempts
        self.dueAt = dueAt
        self.countedSince = countedSince
        self.inDoubtSince = inDoubtSince
    }

    /// Whether a message may be sent now; false once the window has passed in which a repetition is recognised.
    ///
    /// `timeout` is the longest time that the send may take: it has to arrive within the window.
    package func mayBeSent(now: Instant, timeout: Duration) -> Bool {
        guard payload == .message, let inDoubtSince else { return true }
        return now >= inDoubtSince && now + timeout < inDoubtSince + OutboxRow.messageWindow
    }

    /// Records how an attempt ended.
    /// - Parameters:
    ///   - startedAt: when that attempt began.
    ///   - now: when the outcome is recorded.
    /// - Returns: the reason when the row was given up (`dead` or `uncertain`), nil otherwise.
    package mutating func finish(
        _ outcome: DeliveryOutcome, startedAt: Instant, now: Instant, policy: RetryPolicy, timeout: Duration,
        using random: inout some RandomNumberGenerator
    ) -> String? {
        precondition(state == .sending, "only a claimed row can finish")
        if outcome.fate == .unknown, inDoubtSince == nil { inDoubtSince = startedAt }
        switch outcome.outcome {
        case .delivered:
            attempts += 1
            state = .delivered
            inDoubtSince = nil
            return nil
        case .gone, .dead:
            attempts += 1
            // An unreadable response does not say whether the message was accepted, and a refusal says nothing about an earlier send.
            guard payload == .message, inDoubtSince != nil else {
                state = .dead
                return outcome.error
            }
            state = .uncertain
            if outcome.fate == .unknown { return outcome.error }
            return outcome.error.map { "\($0); an earlier attempt may have arrived" } ?? OutboxRow.uncertainReason
        case .throttled:
            if let notBefore = outcome.notBefore, notBefore > now { countedSince = countedSince.map { $0 + (notBefore - now) } }
            return putBack(until: now, notBefore: outcome.notBefore, now: now, timeout: timeout)
        case .park, .interrupted:
            return putBack(until: now, notBefore: nil, now: now, timeout: timeout)
        case .retry:
            attempts += 1
            let since = countedSince ?? startedAt
            countedSince = since
            return retry(
                since: since, notBefore: outcome.notBefore, error: outcome.error, now: now, policy: policy, timeout: timeout, using: &random
            )
        }
    }

    private mutating func retry(
        since: Instant, notBefore: Instant?, error: String?, now: Instant, policy: RetryPolicy, timeout: Duration,
        using random: inout some RandomNumberGenerator
    ) -> String? {
        let cause = error.map { ": \($0)" } ?? ""
        if attempts >= policy.maximumAttempts {
            return giveUp("gave up after \(attempts) attempts\(cause)")
        }
        let next = now + policy.pause(afterFailures: attempts, using: &random)
        if max(next, notBefore ?? next) - since > policy.maximumAge {
            return giveUp("gave up after \(policy.maximumAge.notation)\(cause)")
        }
        return putBack(until: next, notBefore: notBefore, now: now, timeout: timeout)
    }

    private mutating func giveUp(_ reason: String) -> String {
        state = payload == .message && inDoubtSince != nil ? .uncertain : .dead
        return reason
    }

    /// Back to pending; a message in doubt is sent again within its window or not at all. The wait that the remote asked for is never
    /// shortened: a message in doubt whose wait would end after the window becomes uncertain.
    private mutating func putBack(until next: Instant, notBefore: Instant?, now: Instant, timeout: Duration) -> String? {
        var time = next
        if payload == .message, let inDoubtSince {
            let last = inDoubtSince + OutboxRow.messageWindow - timeout - .seconds(1)
            guard now < last, notBefore ?? now < last else {
                state = .uncertain
                return OutboxRow.uncertainReason
            }
            time = min(time, last)
        }
        state = .pending
        dueAt = max(time, notBefore ?? time)
        return nil
    }

    /// Why a row becomes `uncertain`.
    package static let uncertainReason =
        "sent, but nobody knows whether it arrived, and a repetition would no longer be recognised as one"
}

extension OutboxRow {
    /// A claimed message that may not be repeated any more (see ``mayBeSent(now:timeout:)``).
    package mutating func expire() {
        precondition(state == .sending && payload == .message, "only a claimed message can run out of its window")
        state = .uncertain
    }
}
