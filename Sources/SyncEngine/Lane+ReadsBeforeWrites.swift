import SyncCore

/// Reads of objects right before calls that could undo what a person has done there.
///
/// No remote offers conditional writes. What is left open is the time between this read and the call.
///
/// | event                                        | next                                                                             |
/// |----------------------------------------------|----------------------------------------------------------------------------------|
/// | the turn of a guarded row comes, and its object was not read lately | its object is read in its place                           |
/// | the object was read                          | the next exchange decides the row again: it is sent, or given back               |
/// | the object is missing, or cannot be understood | the row is sent: the response to that says what is wrong                       |
/// | the read failed as the call would have       | the row is put back like a row whose call failed                                  |
/// | the engine stops, or the clock is set        | the row is put back                                                              |
extension Lane {
    struct ReadInFlight: Sendable {
        var claimed: ClaimedRow
        /// By the steady clock.
        var startedAt: Instant
        var startedAtWall: Instant
        /// What it shows is not used: the clock was set, or the remote is another one.
        var isVoid = false
    }

    struct FormerRead: Sendable {
        /// When it ended, by the steady clock. (A remote whose reads take longer than one counts would be read for ever, if it were when it began.)
        var at: Instant
        /// How many followed each other.
        var count = 1
    }

    /// A state that may be an earlier one is read once more before it counts (two-way rule); then the row is sent.
    private static let readsInARow = 2

    /// The read that has to be made before the row is sent; nil if it can be sent at once.
    func readBeforeWrite(of row: ClaimedRow, _ time: EventTime) -> OutboundCall? {
        guard remote.poll != nil || remote.webhook != nil, let sent = row.delta?.fields, remote.adapter.isGuarded(sent) else { return nil }
        let record = row.known.linkRecord
        if let former = readFor[row.id], time.steady - former.at <= readLasts {
            guard record.isSuspect, former.count < Lane.readsInARow else { return nil }
        } else if !record.isSuspect, let heard = record.lastHeardAt, heard <= row.plannedAt, heard <= time.wall,
            time.wall - heard <= TwoWayRules.standardLag
        {
            // The plan was made with what the remote has just reported.
            return nil
        }
        // A link that cannot be called is reported by planning.
        return try? remote.adapter.readCall(
            conversationID: row.conversationID, link: Link(remoteID: row.targetID, agentID: row.agent ?? remote.adapter.defaultAgent))
    }

    /// How long a read counts. At a slow rate the call that follows it has to wait for its turn.
    private var readLasts: Duration {
        let spacing = remote.gate.rate.map { $0.period.milliseconds / Int64(max($0.calls, 1)) } ?? 0
        return TwoWayRules.standardLag + .milliseconds(spacing * Int64(ReadTurn.deliveriesPerRead + 1))
    }

    /// - Returns: whether the call was such a read.
    mutating func readBeforeWriteEnded(
        _ id: Engine.CallID, _ outcome: DeliveryOutcome, _ body: JSONValue?, _ context: inout Context
    ) -> Bool {
        guard let read = readsBeforeWrites.removeValue(forKey: id) else { return false }
        let time = context.time
        for change in gate.finished(signal(of: outcome, time), startedAt: read.startedAt, now: time.steady) { note(change, &context) }
        if read.isVoid || isRetired || context.isStopping {
            append(putBack(read.claimed, time), time)
            claims.mayBeDue()
        } else if let body {
            take(body, read, &context)
        } else if outcome.absence == nil, outcome.outcome.isPassing {
            append(failed(read, outcome, &context), time)
        } else {
            send(read, time: time)
        }
        return true
    }

    /// What the outcome says about the remote. Whether the URL is right is decided by calls that write.
    private func signal(of outcome: DeliveryOutcome, _ time: EventTime) -> DeliveryOutcome {
        outcome.absence == nil ? outcome.moved(by: .zero - time.offset) : DeliveryOutcome(.interrupted)
    }

    private mutating func take(_ body: JSONValue, _ read: ReadInFlight, _ context: inout Context) {
        let claimed = read.claimed
        let object = ReadRequest(remoteID: claimed.targetID, agentID: claimed.agent)
        let reason: String
        do {
            let observation = try remote.adapter.conversation(in: body)
            guard let stray = remote.adapter.strayReport(in: body, asked: claimed.targetID) else {
                noteRead(of: claimed.id, at: context.time.steady)
                let report = Report(
                    remote: remote.name, subject: .object(object), observation: observation, readAt: read.startedAtWall)
                shown.append(ReadBeforeWrite(claimed: claimed, report: report, leaseDuration: remote.leaseDuration))
                return
            }
            reason = stray.text
        } catch {
            reason = error.reason
        }
        context.report(.unreadable(object, remote: remote.name, reason: reason, hint: nil))
        send(read, time: context.time)
    }

    private mutating func failed(_ read: ReadInFlight, _ outcome: DeliveryOutcome, _ context: inout Context) -> FinishedCall {
        var outcome = outcome
        outcome.fate = .notApplied
        outcome.error = "the object could not be read before the call: \(outcome.error ?? outcome.outcome.rawValue)"
        return finish(read.claimed, outcome, startedAt: read.startedAtWall, &context)
    }

    private mutating func send(_ read: ReadInFlight, time: EventTime) {
        noteRead(of: read.claimed.id, at: time.steady)
        buffer.insert(read.claimed, at: buffer.startIndex)
    }

    private mutating func noteRead(of row: Int64, at time: Instant) {
        // What is older counts no more, and neither do rows that have ended.
        let rows = Set(ownRows)
        readFor = readFor.filter { rows.contains($0.key) || time - $0.value.at <= readLasts }
        readFor[row] = FormerRead(at: time, count: (readFor[row]?.count ?? 0) + 1)
    }

    /// Rows that are still wanted now that their reads are stored come first: another read would be due before long. The others have been given back.
    mutating func confirm(_ rows: [ClaimedRow]) {
        for read in committingReads { claimed[ExactText(read.claimed.conversationID)] = nil }
        for row in rows { claimed[ExactText(row.conversationID)] = row.id }
        buffer.insert(contentsOf: rows.map { $0.moved(by: stepWhileCommitting) }, at: buffer.startIndex)
    }

    /// The clock was set: the time of a read under way cannot be compared with those that others have stored meanwhile.
    mutating func moveReadsBeforeWrites(by step: Duration) {
        readsBeforeWrites = readsBeforeWrites.mapValues { read in
            ReadInFlight(
                claimed: read.claimed.moved(by: step), startedAt: read.startedAt, startedAtWall: read.startedAtWall, isVoid: true)
        }
        shown = shown.map { $0.moved(by: step) }
    }
}

extension ReadBeforeWrite {
    /// What is not corrected is too early, so that it is not taken for newer than what has happened since.
    func moved(by step: Duration) -> ReadBeforeWrite {
        var moved = self
        moved.claimed = claimed.moved(by: step)
        moved.report.readAt = report.readAt + min(step, .zero)
        return moved
    }
}

extension OutcomeClass {
    /// Another call may end otherwise, in a while or once a person has acted.
    fileprivate var isPassing: Bool {
        switch self {
        case .retry, .throttled, .park, .interrupted: true
        case .delivered, .gone, .dead: false
        }
    }
}
