/// How a call ended.
package enum OutcomeClass: String, CaseIterable, Sendable, Codable {
    /// The remote acknowledged: the base advances.
    case delivered
    /// A failure that may be temporary: counts as an attempt and is retried after a backoff.
    case retry
    /// The remote throttles its callers: all its calls wait, no attempt is used.
    case throttled
    /// The credential, the certificate or the host name is wrong: the remote stops until it is fixed, no attempt is used.
    case park
    /// The object no longer exists: the link is tombstoned.
    case gone
    /// The remote refuses this particular call: a person has to check it.
    case dead
    /// We stopped it ourselves (shutdown, lost lease): not an attempt.
    case interrupted
}

/// Whether a call that was not acknowledged changed the remote anyway.
package enum CallFate: Sendable {
    /// It did not: the call never arrived, or was refused without being applied.
    case notApplied
    /// Unknown: the connection broke or timed out after the call was sent, or the remote failed while it had the call.
    case unknown
}

/// The classified result of one attempt.
package struct DeliveryOutcome: Equatable, Sendable {
    package var outcome: OutcomeClass
    package var fate: CallFate
    package var httpStatus: Int?
    /// A bounded one-line description of the failure, without personal values; nil when delivered.
    package var error: String?
    /// Why there is no response; nil when there is one.
    package var failure: TransportFailure?
    /// The time before which the remote does not want to be called again.
    package var notBefore: Instant?
    /// Whether a `Retry-After` says when to come back, even if at once.
    package var isDeliberate = false
    /// The response says that the quota of calls is used up until then, regardless of how this call ended.
    package var quotaResetsAt: Instant?
    /// Why the wait differs from the one that the response asks for; nil when it does not.
    package var waitNote: String?
    /// Set for a 404 or 405: what the response reports as missing. ``AbsenceWatch`` decides what follows.
    package var absence: Absence?
    /// Set when the remote refuses a call because of its content.
    package var refusal: RefusedMembers?
    /// What the response reports about the object; nil when it contains nothing.
    package var observation: Observation?
    /// Set when the response is about another object: then ``observation`` contains nothing of it.
    package var stray: StrayReport?
    /// Fields whose value in the response differs from the one sent.
    package var drift: [String]
    /// Parts of an accepted call that the remote did not apply (Fin's `errors.*`).
    package var partialErrors: [String]
    /// Bounded beginning of a response that was not an acknowledgement.
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
    /// Their names in the delta; empty when the response names none.
    package var members: Set<String>

    package init(members: Set<String> = []) {
        self.members = members
    }
}
