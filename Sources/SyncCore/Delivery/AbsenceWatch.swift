/// What a 404 or 405 says.
package enum Absence: Equatable, Sendable {
    /// In the form of the remote's own API: it knows no such object.
    case object
    /// In another form: nobody there speaks the API. A gateway's page, or a path that the API does not have.
    case route
}

/// Decides what is made of responses that say that something does not exist: whether an object is gone, or the URL is wrong.
///
/// A gateway that answers everything with 404, and a base path with a mistake in it, cannot be told from an object that was deleted by
/// one response, even where it is JSON. So an object counts as missing only while the URL is known to be right: because a call was
/// acknowledged just now, or because a harmless read (the list of conversations) is answered.
///
/// | event                                                   | decision                                                        |
/// |---------------------------------------------------------|-----------------------------------------------------------------|
/// | a call is acknowledged                                  | the URL is right: what was missing since the last one is confirmed |
/// | missing, while a read is on its way                     | waits for it                                                    |
/// | missing once more, after the URL was seen to be right since the first time | confirmed                                    |
/// | missing, where there is a read, and either nothing was acknowledged just now or it is the second object in a row | a read is made, the call waits for it |
/// | missing, any other                                      | accepted, as a suspect; the third object in a row: put back, parked |
/// | missing while parked for the URL                        | a read is made, or where there is none, put back                |
/// | the read is answered, or a call is acknowledged meanwhile | one object alone: accepted and confirmed; several, or parked: sent once more, since a gateway may have recovered just now; no longer parked |
/// | the read is answered with another 404 or 405            | put back, parked                                                |
/// | the read tells nothing (time-out, 5xx, refused)         | accepted as suspects; three objects in a row, or parked before: put back, parked |
/// | no route                                                | an ordinary retry; the third in a row, the last that the row has, or while parked for the URL: put back, parked |
///
/// "Put back, parked" takes the suspects back as well: rows that were given up and links that were tombstoned since the last
/// acknowledgement. Suspects are in the store (`outbox.missing_at`), so a restart forgets none.
///
/// It ends: each object is sent twice at most after the URL was seen to be right.
///
/// What cannot be told: one object that a gateway answers for within ten seconds after an acknowledgement, or just before the read, and
/// fewer than three in a row where there is no read.
package struct AbsenceWatch: Equatable, Sendable {
    package enum Decision: Equatable, Sendable {
        /// The outcome stands. A suspect may be taken back.
        case accept(isSuspect: Bool)
        /// Nothing is recorded until the read is over; with `startsRead` it has to be made now.
        case wait(startsRead: Bool)
        /// As if the call had not been made. The remote is parked, and suspects are taken back.
        case putBack
        /// As if the call had not been made; it may be made again at once, with all suspects.
        case again
    }

    /// How the harmless read ended.
    package enum ReadResult: Equatable, Sendable {
        case answered
        case absent
        case tellsNothing
    }

    /// The number of different objects in a row that is too many where no read decides.
    package static let objectLimit = 3
    /// The number of responses in a row that are not the API's and park the remote.
    package static let routeLimit = 3
    /// How long an acknowledgement shows that the URL is right.
    package static let trust = Duration.seconds(10)

    /// Objects that were missing since the last acknowledgement.
    package private(set) var suspects: Set<String> {
        didSet { if suspects.isEmpty { suspectedAt = nil } }
    }
    /// When the first of them was missing; nil for those from before a restart.
    private var suspectedAt: Instant?
    package private(set) var isReading = false
    private let canRead: Bool
    private var routesInARow = 0
    /// When it was last seen that the URL is right, be it before a restart.
    private var rightAt: Instant?
    /// The same, as far as it is a reason to trust the one that is configured now; nil since the remote was parked because of it.
    private var trustedAt: Instant?
    private var hasAcknowledgedSinceRead = false

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
    /// - Parameter startedAt: when it went out. Of several suspects, a call that went out before the first of them confirms none: it says how
    ///   the URL was then. A single one beside it is believed to be missing.
    /// - Returns: whether there were suspects, which are confirmed now.
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

    /// The remote says in its own form that it does not know the object of a call.
    /// - Parameters:
    ///   - missingSince: when it said so before, and was not believed.
    ///   - isParked: for the URL.
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

    /// A response was none of the API's.
    /// - Parameters:
    ///   - isLast: the row would be given up because of it.
    ///   - isParked: for the URL.
    package mutating func noRoute(isLast: Bool, isParked: Bool) -> Decision {
        routesInARow += 1
        guard isParked || isLast || routesInARow >= AbsenceWatch.routeLimit else { return .accept(isSuspect: false) }
        return parked()
    }

    /// The read has ended; the decision is for all calls that waited for it.
    package mutating func read(_ result: ReadResult, isParked: Bool, now: Instant) -> Decision {
        precondition(isReading, "a read ended that was never wanted")
        isReading = false
        if result == .answered || hasAcknowledgedSinceRead {
            let isOne = suspects.count <= 1 && !isParked
            suspects = []
            routesInARow = 0
            rightAt = now
            trustedAt = now
            return isOne ? .accept(isSuspect: false) : .again
        }
        if result == .tellsNothing, !isParked, suspects.count < AbsenceWatch.objectLimit { return .accept(isSuspect: true) }
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
