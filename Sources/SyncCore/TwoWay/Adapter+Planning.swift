extension Adapter {
    /// Plans one conversation: which fields the remote does not have yet, and which of them can be sent.
    package func plan(_ snapshot: LinkSnapshot) -> LinkPlan {
        let (rules, record) = begin(snapshot)
        if let problem = snapshot.linkProblem {
            return LinkPlan(decision: .refuse(placeholder, problem), outcome: unchanged(snapshot, record))
        }
        var decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now)
        if rules.isEventStream { noteTakenOff(&decision, snapshot) }
        let wanted = rules.image(decision.local.values)
        complete(&decision.send, from: wanted)
        var outcome = outcome(of: decision, reception: nil, before: record, snapshot)
        let plan = planDecision(decision, wanted, before: record, snapshot, rules)
        if case .hold = plan {
            // Reported once, however often other fields are sent meanwhile.
            outcome.verdict.isHeldBack = !record.isHoldSaid
            outcome.record.isHoldSaid = true
        }
        return LinkPlan(decision: plan, outcome: outcome)
    }

    /// The rules for the remote, and the link's record.
    func begin(_ snapshot: LinkSnapshot) -> (TwoWayRules, LinkRecord) {
        var rules = rules(for: snapshot)
        var record = snapshot.record
        record.begin(rules, snapshot.local)
        if let takenOff = record.takenOff, takenOff.number == snapshot.local.numbers.assignee { rules.takenOff = takenOff.assigneeID }
        if rules.isEventStream { record.noteHeldEvent(rules, snapshot.local) }
        prepare(&record, for: rules.image(snapshot.local.values))
        return (rules, record)
    }

    private func unchanged(_ snapshot: LinkSnapshot, _ record: LinkRecord) -> TwoWayOutcome {
        TwoWayOutcome(
            record: record, changedAt: snapshot.now, numbers: snapshot.local.numbers,
            verdict: Verdict(kind: .unchanged, rule: "nothing can be sent"))
    }

    private func planDecision(
        _ decision: TwoWayDecision, _ wanted: Fields, before record: LinkRecord, _ snapshot: LinkSnapshot, _ rules: TwoWayRules
    ) -> PlanDecision {
        var conversation = snapshot.conversation
        if !decision.findings.isEmpty || decision.adoptsTags { conversation = conversation.having(decision.local.values) }
        let omissions = project(conversation, seats: rules.seats).omissions + omissions(wanted, knowing: record)
        let isHeldBack = decision.send.isEmpty && !decision.heldBack.isEmpty
        let fields = isHeldBack ? decision.heldBack : decision.send
        guard !fields.isEmpty else { return .upToDate(omissions: omissions) }
        do {
            let delta = Delta(fields: fields)
            let call = try call(for: delta, conversationID: snapshot.conversationID, link: snapshot.link)
            let planned = PlannedCall(call: call, delta: delta, omissions: omissions, finishes: finishes(delta, knowing: record))
            guard isHeldBack else { return .send(planned) }
            return .hold(planned, holder: .undone, reason: undone(decision.link))
        } catch {
            return .refuse(placeholder, error)
        }
    }

    /// Why a row is held whose change the remote has undone too often.
    private func undone(_ record: LinkRecord) -> String {
        let value = record.hold?.value?.text ?? "another value"
        return "sent back three times within \(TwoWayRules.standardWindow.notation), and each time \(profile.name) "
            + "answered with \(value): is there a rule at \(profile.name) that sets it? What ends the hold: `convosync outbox release`, "
            + "a change of the status here, or another value there"
    }
}
