import SyncCore
import SyncRemotes
import SyncStore

/// What is made of responses that say that something does not exist (``AbsenceWatch``).
extension Lane {
    /// How long the read that decides may wait for the gate.
    private static let readPatience = Duration.seconds(10)

    /// A call has ended. What it says may have to wait until it is known whether the URL is right.
    func ended(_ call: FinishedCall, hadPresentCredential: Bool) {
        switch decision(about: call) {
        case .accept(let isSuspect):
            conclude(call, hadPresentCredential: hadPresentCredential)
            finished.append(marked(call, isSuspect: isSuspect))
        case .wait(let startsRead):
            // Its slot is free; what it tells about the remote is not known yet.
            conclude(stopped(call), hadPresentCredential: hadPresentCredential)
            undecided.append(call)
            if startsRead { wantedRead = call.claimed }
        case .putBack, .again:
            let parked = courier.parked(call)
            conclude(parked, hadPresentCredential: hadPresentCredential)
            finished.append(parked)
            takeBack(courier.parked)
        }
    }

    private func decision(about call: FinishedCall) -> AbsenceWatch.Decision {
        guard let outcome = call.outcome else { return .accept(isSuspect: false) }
        if outcome.outcome == .delivered, absences.acknowledged(startedAt: call.startedAt, now: now()) { confirm() }
        let isParked = gate.parkCause == .url
        switch outcome.absence {
        case nil: return .accept(isSuspect: false)
        case .route?: return absences.noRoute(isLast: call.row.state != .pending, isParked: isParked)
        case .object?:
            return absences.missing(
                call.claimed.conversationID, missingSince: call.claimed.missingSince, isParked: isParked, now: now())
        }
    }

    /// Makes the read that decides, where one is wanted.
    func startRead(_ group: inout TaskGroup<Event>) {
        guard let claimed = wantedRead else { return }
        wantedRead = nil
        movedAt = now()
        group.addTask { .read(await self.readList(of: claimed)) }
    }

    private func readList(of claimed: ClaimedRow) async -> AbsenceWatch.ReadResult {
        guard let call = courier.adapter.listCall(agent: claimed.agent, after: nil) else { return .tellsNothing }
        switch await read(call, waitingAtMost: Lane.readPatience, leavesCalls: false) {
        case .body(let body):
            do {
                _ = try courier.adapter.page(in: body)
                return .answered
            } catch {
                return .tellsNothing
            }
        case .gone, .noRoute: return .absent
        case .refused, .failed, .held: return .tellsNothing
        }
    }

    /// The read has ended: what waited for it is recorded as it was answered, or put back.
    func decided(by result: AbsenceWatch.ReadResult) {
        let decision = absences.read(result, isParked: gate.parkCause == .url, now: now())
        let calls = undecided
        undecided = []
        switch decision {
        case .accept(let isSuspect):
            finished += calls.map { marked($0, isSuspect: isSuspect) }
            guard !isSuspect else { return }
            confirm()
            report(gate.answeredProperly())
        case .again:
            finished += calls.map(courier.postponed)
            takeBack(courier.postponed)
            report(gate.answeredProperly())
            claims.mayBeDue()
        case .putBack, .wait:
            finished += calls.map(courier.parked)
            if let call = calls.last { report(gate.park(for: .url, reason: courier.parkReason(call), now: now())) }
            takeBack(courier.parked)
        }
    }

    private func marked(_ call: FinishedCall, isSuspect: Bool) -> FinishedCall {
        var call = call
        call.isMissing = isSuspect
        return call
    }

    private func stopped(_ call: FinishedCall) -> FinishedCall {
        var call = call
        call.outcome = DeliveryOutcome(.interrupted)
        return call
    }

    /// Nothing that was missing so far is taken back any more.
    private func confirm() {
        for index in finished.indices where finished[index].row.state.isFinished { finished[index].isMissing = false }
        if absenceRecords.last != .confirm { absenceRecords.append(.confirm) }
    }

    /// Suspects are due again: those that are not stored yet as if they had not been sent, the others by the next exchange.
    private func takeBack(_ asIfUnsent: (FinishedCall) -> FinishedCall) {
        for index in finished.indices where finished[index].isMissing && finished[index].row.state == .dead {
            finished[index] = asIfUnsent(finished[index])
        }
        if absenceRecords.last != .takeBack { absenceRecords.append(.takeBack) }
    }
}
