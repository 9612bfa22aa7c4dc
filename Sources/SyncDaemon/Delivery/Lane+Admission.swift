import SyncCore
import SyncRemotes
import SyncStore

/// Which of the claimed rows may go out now.
extension Lane {
    enum Hold: Equatable {
        case none
        case short(until: Instant)
        case long
    }

    /// Starts calls for buffered rows as long as the gate admits them.
    func admit(_ group: inout TaskGroup<Event>) -> Hold {
        // While it is not known whether the URL is right, nothing more is sent there.
        while !isStopping, !absences.isReading, finished.count + committing.count < Lane.uncommittedLimit {
            guard let claimed = buffer.first else {
                // Nothing to send: a closed gate is not a reason to claim.
                guard let opensAt = gate.opensAt(now: now()) else { return .long }
                return opensAt > now() ? hold(until: opensAt) : .none
            }
            // What must not be sent never comes to the gate: it is not a call, and tells nothing about the remote.
            if let unsent = unsendable(claimed) {
                buffer.removeFirst()
                finished.append(unsent)
                continue
            }
            let (admission, change) = gate.admit(isRetry: claimed.isRetry, now: now())
            report(change)
            switch admission {
            case .admitted:
                buffer.removeFirst()
                readTurn.deliveryAdmitted()
                let (courier, credential, run) = (courier, credentials[remote.name] ?? Credential(token: ""), run)
                inFlightByRun[run, default: 0] += 1
                movedAt = now()
                group.addTask { .finished(await courier.deliver(claimed, credential: credential), run: run, credential: credential) }
            case .wait(let until): return hold(until: until)
            case .noRetry:
                // What comes behind it may be a first try, and its conversation may have news meanwhile.
                buffer.removeFirst()
                finished.append(putBack(claimed, at: now()))
                retriesWait = true
            case .paused: return .long
            case .full: return .none
            }
        }
        return .none
    }

    func hold(until: Instant) -> Hold {
        if let waitsUntil, until > waitsUntil { return .long }
        return until - now() > Lane.shortHold ? .long : .short(until: until)
    }

    /// A claimed row that must not be sent: its lease is short, or it is a message whose window is over.
    func unsendable(_ claimed: ClaimedRow) -> FinishedCall? {
        let moment = now()
        var row = claimed.row
        if !row.mayBeSent(now: moment, timeout: remote.limits.totalTimeout) {
            row.expire()
            return FinishedCall(
                claimed: claimed, row: row, startedAt: moment, finishedAt: moment, outcome: nil, error: OutboxRow.uncertainReason)
        }
        if let held = held(claimed, at: moment) { return held }
        guard claimed.leaseUntil - moment < remote.limits.totalTimeout + .seconds(5) else { return nil }
        // It is due, and wants a fresh lease.
        claims.mayBeDue()
        return putBack(claimed, at: moment)
    }

    /// A message that the remote does not take at the moment.
    private func held(_ claimed: ClaimedRow, at moment: Instant) -> FinishedCall? {
        guard remote.kind.receivesMessages, !claimed.isReleased else { return nil }
        let known = claimed.known.linkRecord
        let word = known.events?.last?.word ?? known["status"].held.value?.stringValue
        guard let hold = remote.adapter.hold(after: word, since: claimed.known.seenAt, now: moment) else {
            return nil
        }
        var row = claimed.row
        let reason: String
        switch hold {
        case .until(let until, let text):
            row.state = .pending
            row.dueAt = until
            reason = text
        case .indefinitely(let text):
            row.state = .held
            reason = text
        }
        return FinishedCall(
            claimed: claimed, row: row, startedAt: moment, finishedAt: moment, outcome: nil, error: reason, heldBy: Holder.receiver.rawValue
        )
    }

    func putBackBuffer() {
        let moment = now()
        finished += buffer.map { putBack($0, at: moment) }
        buffer = []
    }

    func putBack(_ claimed: ClaimedRow, at moment: Instant) -> FinishedCall {
        var row = claimed.row
        row.state = .pending
        return FinishedCall(claimed: claimed, row: row, startedAt: moment, finishedAt: moment, outcome: nil, error: nil)
    }
}
