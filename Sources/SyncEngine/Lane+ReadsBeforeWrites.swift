import SyncCore

/// Reads of objects right before calls that could undo what a person has done there.
///
/// No remote offers conditional writes. What is left open is the time between this read and the call.
///
/// | event                                        | next                                                                             |
/// |----------------------------------------------|----------------------------------------------------------------------------------|
/// | the turn of a guarded row comes, and its object was not read lately | its object is read in its place                           |
/// | the object was read                          | the next exchange decides the row again: it is sent, or given back               |
/// | the object cannot be read (404, a refusal, something else) | the row is sent: the response to that says what is wrong         |
/// | a failure that may pass: 429, 5xx, no response | the row is put back like a row whose call failed                                |
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
        /// Until when the last one counts, by the steady clock: from its end on. (A remote whose reads take longer than one counts would be read for
        /// ever, if it were from its beginning.)
        var until: Instant
        /// How many were made since the row was last sent.
        var count = 1
    }

    /// What may be an earlier state is read once more before it counts (two-way rule). And a row that the remote makes wait after each of its reads, for
    /// longer than one counts, is sent after the second: the reads themselves may be what uses up its quota.
    private static let readsInARow = 2

    /// The read that has to be made before the row is sent; nil if it can be sent at once.
    func readBeforeWrite(of row: ClaimedRow, _ time: EventTime) -> OutboundCall? {
        guard remote.poll != nil || remote.webhook != nil, let sent = row.delta?.fields, remote.adapter.isGuarded(sent) else { return nil }
        let record = row.known.linkRecord
        if let former = readFor[row.id], former.count > 0, time.steady <= former.until {
            if former.count >= Lane.readsInARow || !record.isSuspect { return nil }
        } else if isHeardLately(record, row, time) {
            return nil
        }
        // A link that cannot be called is reported by planning.
        return try? remote.adapter.readCall(
            conversationID: row.conversationID, link: Link(remoteID: row.targetID, agentID: row.agent ?? remote.adapter.defaultAgent))
    }

    /// Whether the plan was made with what the remote has shown within the last seconds. Equal times are those of a clock that was set back.
    private func isHeardLately(_ record: LinkRecord, _ row: ClaimedRow, _ time: EventTime) -> Bool {
        guard !record.isSuspect, let shown = record.shownAt, shown < row.plannedAt, shown <= time.wall else { return false }
        return time.wall - shown <= TwoWayRules.standardLag
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
        } else if outcome.mayPass {
            append(failed(read, outcome, &context), time)
        } else {
            send(read, time: time)
        }
        return true
    }

    /// What the outcome says about the remote: a failure that may pass counts like that of a call. Anything else says nothing about whether the remote
    /// takes calls that write, nor about the token, which need not be allowed to read.
    private func signal(of outcome: DeliveryOutcome, _ time: EventTime) -> DeliveryOutcome {
        if outcome.mayPass { return outcome.moved(by: .zero - time.offset) }
        let silent = DeliveryOutcome(.interrupted, quotaResetsAt: outcome.quotaResetsAt, waitNote: outcome.waitNote)
        return silent.moved(by: .zero - time.offset)
    }

    private mutating func take(_ body: JSONValue, _ read: ReadInFlight, _ context: inout Context) {
        let claimed = read.claimed
        let object = ReadRequest(remoteID: claimed.targetID, agentID: claimed.agent)
        let reason: String
        do {
            let observation = try remote.adapter.conversation(in: body)
            guard let stray = remote.adapter.strayReport(in: body, asked: claimed.targetID, of: claimed.agent) else {
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
        // Rows that were put back and then replaced do not come back.
        if readFor.count >= Lane.mostRead {
            let rows = Set(ownRows)
            readFor = readFor.filter { rows.contains($0.key) || time <= $0.value.until }
        }
        readFor[row] = FormerRead(until: time + readLasts, count: (readFor[row]?.count ?? 0) + 1)
    }

    private static let mostRead = 1024

    /// Rows are put back because of a hold: that of a second read counts until the remote takes calls again.
    mutating func noteHold(_ time: EventTime) {
        guard gate.parkedAt == nil, gate.breaker.state == .closed, let opensAt = opensAt(time) else { return }
        let end = opensAt + readLasts
        for row in buffer where readFor[row.id].map({ $0.count >= Lane.readsInARow && time.steady <= $0.until }) == true {
            readFor[row.id]?.until = end
        }
    }

    /// The row goes out: another attempt is preceded by another read.
    mutating func noteSent(_ row: Int64) { readFor[row]?.count = 0 }

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

extension DeliveryOutcome {
    /// Whether a read that ended like this may succeed in a while: not where the object has no route, or what responds says that it does not serve it.
    fileprivate var mayPass: Bool {
        switch outcome {
        case .throttled, .interrupted: true
        case .retry: absence == nil && httpStatus != 501 && !(200...299).contains(httpStatus ?? 0)
        case .park, .delivered, .gone, .dead: false
        }
    }
}
