extension Adapter {
    /// The effects of a report about the conversation.
    package func reconcile(_ observation: Observation, began: Instant, _ snapshot: LinkSnapshot) -> TwoWayOutcome {
        let (rules, before) = begin(snapshot)
        var record = before
        let report = report(observation, began: began, now: snapshot.now)
        guard rules.isEventStream, let word = observation.word else {
            let reception = record.take(report, rules, now: snapshot.now)
            if reception == .believed, showsGuarded(report.values) { record.shownAt = began }
            if record.heldDate != nil {
                record.heldSince = nil
            } else if reception == .believed, record.heldFields != before.heldFields {
                record.heldSince = snapshot.now
            }
            let decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now, isConfirmed: reception == .believed)
            return outcome(of: decision, reception: reception, before: before, snapshot)
        }
        // An event without a date, or with one that is ignored, happened when it was read.
        let at = observation.changedAt.flatMap { $0 < snapshot.now + .days(1) ? $0 : nil } ?? began
        let reception = record.take(.init(word: word, at: at), report, rules, snapshot.local, now: snapshot.now)
        var decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now, isConfirmed: reception == .believed)
        noteTakenOff(&decision, snapshot)
        return outcome(of: decision, reception: reception, before: before, snapshot)
    }

    /// Records whom an event removed as assignee, if that was the AI.
    func noteTakenOff(_ decision: inout TwoWayDecision, _ snapshot: LinkSnapshot) {
        let (before, after) = (snapshot.local.values.assigneeID, decision.local.values.assigneeID)
        guard !before.hasSameBytes(as: after) else { return }
        decision.link.takenOff = before.flatMap { assignee in
            after == nil && profile.aiAssignees.contains(assignee)
                ? .init(assigneeID: assignee, number: decision.local.numbers.assignee) : nil
        }
    }

    /// The effects of a response that accepts a call. Fields in it that were not sent are compared with what was known before.
    ///
    /// - Parameter numbers: those of the local changes that the row included when the call was made.
    package func acknowledge(
        _ sent: Fields, _ response: Observation?, began: Instant, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> TwoWayOutcome {
        let (rules, before) = begin(snapshot)
        var record = before
        let shown = response.map { report($0, began: began, now: snapshot.now) } ?? FieldReport(values: [:], began: began)
        let isDoubtful = record.acknowledged(.init(sent: sent, shown: shown), of: numbers, rules, now: snapshot.now)
        if !isDoubtful, showsGuarded(sent.merging(shown.values) { $1 }) { record.shownAt = snapshot.now }
        record.heldSince = nil
        let refused = record.convict(after: sent)
        let decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now)
        var outcome = outcome(of: decision, reception: nil, before: before, snapshot)
        if !decision.heldBack.isEmpty { outcome.verdict.mustPlan = true }
        outcome.refused = refused
        // How the remote stores a text is determined by reading it once.
        let isUnshown = rules.fields.contains { field in
            guard record[field.name].note == .unshown, sent[field.name]?.isEmptyContent == false else { return false }
            return profile.adoption.fields.contains(field.role == .tags ? .tags : .title)
        }
        outcome.verdict.mustRead = profile.kind.isReadable && (isDoubtful || isUnshown)
        return outcome
    }

    package func refused(
        _ sent: Fields, naming named: Set<String>, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> (record: LinkRecord, refused: LinkRecord.Refused) {
        var (_, record) = begin(snapshot)
        let refused = record.refused(sent, naming: self.refused(with: named, of: sent), of: numbers, status: statusField)
        return (record, refused)
    }

    /// The effects of a decision on the local row and on the verdict for people.
    func outcome(
        of decision: TwoWayDecision, reception: LinkRecord.Reception?, before: LinkRecord, _ snapshot: LinkSnapshot
    ) -> TwoWayOutcome {
        var changes = Verdict.Changes()
        let (old, new) = (snapshot.local.values, decision.local.values)
        let moved = new.difference(from: old)
        if moved.contains(.status) { changes.status = new.status }
        if moved.contains(.assignee) { changes.assigneeID = .some(new.assigneeID) }
        if moved.contains(.title) { changes.title = new.title }
        if decision.adoptsTags { changes.tags = new.tags }
        let changedAt = moved.map { decision.local.changedAt[$0] }.max() ?? snapshot.now
        var verdict = verdict(on: decision, reception: reception, before: before, changes, snapshot)
        verdict.changes = changes
        verdict.otherFields = changes.names.filter { $0 == "title" || $0 == "tags" }
        verdict.mustPlan = !decision.send.isEmpty || (!decision.heldBack.isEmpty && before.hold == nil)
        // A row that waits although it is no longer wanted is withdrawn.
        let isPointless = decision.send.isEmpty && decision.heldBack.isEmpty
        if isPointless, let state = snapshot.standing?.state, state == .pending || state == .held { verdict.mustPlan = true }
        verdict.mustRead = decision.link.mustRead(after: reception, now: snapshot.now)
        if reception == .believed {
            verdict.drift = decision.link.fields.filter { $0.value.note == .drift && before[$0.key].note != .drift }.map(\.key).sorted()
        }
        verdict.isHeldBack = before.hold == nil && decision.link.hold != nil
        var outcome = TwoWayOutcome(
            record: decision.link, changes: changes, changedAt: changedAt, numbers: decision.local.numbers, verdict: verdict)
        let isUserLeft = decision.findings.contains(.init(.notUnderstood, .assignee))
        if isUserLeft, let field = assigneeField, let user = decision.link[field].held.value, user != .null,
            statusProblem(heldWord(decision.link)) == nil
        {
            outcome.unknownUser = user.stringValue ?? user.text
        }
        return outcome
    }
}
