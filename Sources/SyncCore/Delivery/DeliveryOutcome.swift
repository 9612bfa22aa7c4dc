/// How a call ended: in one of seven classes, or interrupted, which is none of them.
package enum OutcomeClass: String, CaseIterable, Sendable, Codable {
    /// The remote acknowledged: the base moves.
    case delivered
    /// Failed in a way that time may heal: counts as an attempt, comes back after a backoff.
    case retry
    /// The remote asked for patience: the whole remote waits, no attempt is used.
    case throttled
    /// The credential, the certificate or the name is wrong: the remote stops until somebody fixes it, no attempt is used.
    case park
    /// The object is not there any more: the link is tombstoned.
    case gone
    /// The remote refuses this very call: a person has to look.
    case dead
    /// We stopped ourselves (shutdown, lost lease): no attempt.
    case interrupted
}

/// Whether a call that was not acknowledged changed the remote all the same.
package enum CallFate: Sendable {
    /// It did not: refused before or instead of being applied.
    case notApplied
    /// Nobody knows: the connection broke or the time ran out after the call was sent, or the remote failed while it had the call.
    case unknown
}

/// The result of one try, classified.
package struct DeliveryOutcome: Equatable, Sendable {
    package var outcome: OutcomeClass
    package var fate: CallFate
    package var httpStatus: Int?
    /// One line that says what went wrong, bounded, without personal values; nil when delivered.
    package var error: String?
    /// Why there is no response; nil where one came.
    package var failure: TransportFailure?
    /// The moment before which the remote does not want to be called again.
    package var notBefore: Instant?
    /// The answer says that the quota of calls is used up until then, whatever became of this one.
    package var quotaResetsAt: Instant?
    /// Why the wait is not the one that the response asks for; nil when it is.
    package var waitNote: String?
    /// Set for a 404 or 405: what it says does not exist. What follows from it is ``AbsenceWatch``'s to decide.
    package var absence: Absence?
    /// Set where the remote refuses a call because of what it carries.
    package var refusal: RefusedMembers?
    /// What the response says about the object; nil where it holds none.
    package var observation: Observation?
    /// Set where the response is about another object: then nothing of it is in ``observation``.
    package var stray: StrayReport?
    /// Fields whose answered value differs from the one sent.
    package var drift: [String]
    /// Parts of an accepted call that the remote did not take (Fin's `errors.*`).
    package var partialErrors: [String]
    /// Bounded beginning of an answer that was not an acknowledgement.
    package var responseExcerpt: String?

    package init(
        _ outcome: OutcomeClass, fate: CallFate = .notApplied, httpStatus: Int? = nil, error: String? = nil,
        failure: TransportFailure? = nil, notBefore: Instant? = nil, quotaResetsAt: Instant? = nil, waitNote: String? = nil,
        absence: Absence? = nil,
        observation: Observation? = nil,
        drift: [String] = [], partialErrors: [String] = [],
        responseExcerpt: String? = nil
    ) {
        self.outcome = outcome
        self.fate = fate
        self.httpStatus = httpStatus
        self.error = error
        self.failure = failure
        self.notBefore = notBefore
        self.quotaResetsAt = quotaResetsAt
        self.waitNote = waitNote
        self.absence = absence
        self.observation = observation
        self.drift = drift
        self.partialErrors = partialErrors
        self.responseExcerpt = responseExcerpt
    }
}

/// The members of a call that a remote refuses (400, 422).
package struct RefusedMembers: Equatable, Sendable {
    /// By their names in the delta; empty where the response names none.
    package var members: Set<String>

    package init(members: Set<String> = []) {
        self.members = members
    }
}
