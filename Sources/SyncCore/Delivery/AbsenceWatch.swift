/// What a 404 or 405 response reports as missing.
package enum Absence: Equatable, Sendable {
    /// The object. The response has the form of the remote's own API.
    case object
    /// The path. The response has another form: a gateway's page, or a path that the API does not have.
    case route
}

/// Decides how to treat responses that report something as missing: either the object is gone, or the configured URL is wrong.
///
/// A single response cannot distinguish a deleted object from a gateway that responds to everything with 404, or from a mistake in the base
/// path, even if it is JSON. So an object counts as missing only while the URL is known to be right: because a call was acknowledged
/// recently, or because a harmless read (the list of conversations) succeeds.
///
/// | event                                                   | decision                                                        |
/// |---------------------------------------------------------|-----------------------------------------------------------------|
/// | a call is acknowledged                                  | the URL is right: objects that were missing since the previous acknowledgement are confirmed |
/// | missing, while a read is in progress                    | waits for it                                                    |
/// | missing again, after the URL was seen to be right since the first time     | confirmed                                    |
/// | missing, where there is a read, and either nothing was acknowledged within ``trust`` or it is the second object in a row | a read is started, the call waits for it |
/// | missing, any other case                                 | accepted, as a suspect; the third object in a row: put back, parked |
/// | missing while parked for the URL                        | a read is started, or where there is none, put back             |
/// | the read succeeds, or a call is acknowledged meanwhile  | a single object: accepted and confirmed; several, or parked: sent once more, since a gateway may have just recovered; no longer parked |
/// | the read gets another 404 or 405                        | put back, parked; inconclusive where a call was ever acknowledged and the read never succeeded: the server need not have a list |
/// | the read is inconclusive (time-out, 5xx, refused)       | accepted as suspects; three objects in a row, or parked before: put back, parked |
/// | the read cannot be made (the gate stays closed, the remote was removed, the engine stops) | the same as if it were inconclusive |
/// | no route                                                | an ordinary retry; the third in a row, the row's last attempt, or while parked for the URL: put back, parked |
///
/// "Put back, parked" also takes back the suspects: rows that were given up and links that were tombstoned since the last acknowledgement.
/// Suspects are stored (`outbox.missing_at`), so they survive a restart.
///
/// Termination: each object is sent at most twice after the URL was seen to be right.
///
/// Not detected: a single object for which a gateway responds within ten seconds after an acknowledgement, or just before the read; and,
/// where there is no read, fewer than three objects in a row.
package struct AbsenceWatch: Equatable, Sendable {
    package enum Decision: Equatable, Sendable {
        /// The outcome stands. A suspect may be taken back later.
        case accept(isSuspect: Bool)
        /// Nothing is recorded until the read has ended. With `startsRead` it has to be started now.
        case wait(startsRead: Bool)
        /// Treated as if the call had not been made. The remote is parked, and suspects are taken back.
        case putBack
        /// Treated as if the call had not been made. It may be made again at once, together with all suspects.
        case again
    }

    /// How the harmless read ended.
    package enum ReadResult: Equatable, Sendable {
        case succeeded
        case absent
        case inconclusive
    }

    /// This many different objects in a row, without a read to decide, park the remote.
    package static let objectLimit = 3
    /// This many responses in a row that are not from the API park the remote.
    package static let routeLimit = 3
    /// How long after an acknowledgement the URL is known to be right.
    package static let trust = Duration.seconds(10)

    /// Objects that were missing since the last acknowledgement.
    package private(set) var suspects: Set<String> {
        didSet { if suspects.isEmpty { suspectedAt = nil } }
    }
    /// When the first of them was reported missing; nil for suspects from before a restart.
    private var suspectedAt: Instant?
    package private(set) var isReading = false
    private let canRead: Bool
    private var routesInARow = 0
    /// When the URL was last seen to be right, including before a restart.
    private var rightAt: Instant?
    /// The same, but only for the URL that is configured now; nil since the remote was parked because of it.
    private var trustedAt: Instant?
    private var hasAcknowledgedSinceRead = false
    /// Whether the remote is known to have what is read.
    private var hasRead = false

    /// - Parameters:
    ///   - canRead: whether there is a harmless read.
    ///   - suspects: those from before a restart.
    ///   - acknowledgedAt: the last acknowledgement from before a restart. It says nothing about the URL that is configured now.
    package init(canRead: Bool, suspects: Set<String> = [], acknowledgedAt: Instant? = nil) {
        self.canRead = canRead
        self.suspects = suspects
        rightAt = acknowledgedAt
    }

    /// A call was acknowledged.
    /// - Parameter startedAt: when the call was sent. With several suspects, a call sent before the first of them was reported confirms
    ///   none: it only shows that the URL was right at that time. A single suspect is confirmed regardless.
    /// - Returns: whether there were suspects; they are confirmed now.
    package mutating func acknowledged(startedAt: Instant? = nil, now: Instant) -> Bool {
        let startedAt = min(startedAt ?? now, now)
        if suspects.count > 1, let suspectedAt, startedAt < suspectedAt { return false }
        rightAt = startedAt
        trustedAt = startedAt
        hasAcknowledgedSinceRead = true
        routesInARow = 0
        defer { suspects = [] }
        return !suspects.isEmpty
    }

    /// The remote reported, in the form of its own API, that it does not know the object of a call.
    /// - Parameters:
    ///   - missingSince: when the object was reported missing before, if that was not accepted.
    ///   - isParked: whether the remote is parked for its URL.
    package mutating func missing(_ object: String, missingSince: Instant?, isParked: Bool, now: Instant) -> Decision {
        if let missingSince, let rightAt, missingSince <= rightAt, !isParked { return .accept(isSuspect: false) }
        if isReading {
            suspects.insert(object)
            return .wait(startsRead: false)
        }
        if isParked, !canRead { return .putBack }
        if suspects.isEmpty { suspectedAt = now }
        suspects.insert(object)
        if canRead {
            if !isParked, suspects.count == 1, isTrusted(at: now) { return .accept(isSuspect: true) }
            isReading = true
            hasAcknowledgedSinceRead = false
            return .wait(startsRead: true)
        }
        return suspects.count < AbsenceWatch.objectLimit ? .accept(isSuspect: true) : parked()
    }

    /// A response did not come from the remote's API.
    /// - Parameters:
    ///   - isLast: whether the row would be given up because of it.
    ///   - isParked: whether the remote is parked for its URL.
    package mutating func noRoute(isLast: Bool, isParked: Bool) -> Decision {
        routesInARow += 1
        guard isParked || isLast || routesInARow >= AbsenceWatch.routeLimit else { return .accept(isSuspect: false) }
        return parked()
    }

    /// The read has ended. The decision applies to all calls that waited for it.
    package mutating func read(_ result: ReadResult, isParked: Bool, now: Instant) -> Decision {
        precondition(isReading, "a read ended that was never wanted")
        isReading = false
        if result == .succeeded { hasRead = true }
        if result == .succeeded || hasAcknowledgedSinceRead {
            let isOne = suspects.count <= 1 && !isParked
            suspects = []
            routesInARow = 0
            rightAt = now
            trustedAt = now
            return isOne ? .accept(isSuspect: false) : .again
        }
        // A read that gets a 404 proves nothing about calls that write, and those have shown that the URL is right.
        let isInconclusive = result == .inconclusive || (rightAt != nil && !hasRead)
        if isInconclusive, !isParked, suspects.count < AbsenceWatch.objectLimit { return .accept(isSuspect: true) }
        return parked()
    }

    private func isTrusted(at now: Instant) -> Bool {
        trustedAt.map { now >= $0 && now - $0 < AbsenceWatch.trust } ?? false
    }

    private mutating func parked() -> Decision {
        suspects = []
        routesInARow = 0
        trustedAt = nil
        return .putBack
    }
}
