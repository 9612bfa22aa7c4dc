/// Describes decisions for people.
extension Adapter {
    func verdict(
        on decision: TwoWayDecision, reception: LinkRecord.Reception?, before: LinkRecord, _ changes: Verdict.Changes,
        _ snapshot: LinkSnapshot
    ) -> Verdict {
        let word = heldWord(decision.link)
        let findings = decision.findings
        var verdict = Verdict(kind: .unchanged, rule: "\(profile.name) says `\(word ?? "nothing")`; nothing changed there", word: word)
        switch reception {
        case .overtaken?: (verdict.kind, verdict.rule) = (.stale, "overtaken: something newer is known of \(profile.name)")
        case .stale?: (verdict.kind, verdict.rule) = (.stale, "older than what \(profile.name) said before")
        case .readAgain?:
            (verdict.kind, verdict.rule) = (.readAgain, "\(profile.name) shows what was there before: it is read once more")
        case .rolledBack?:
            (verdict.kind, verdict.rule) = (
                .rolledBack, "\(profile.name) shows an older state again and again: it was set back, and the local state is due"
            )
        case .believed?, nil:
            if !before.isKnown, word != nil { (verdict.kind, verdict.rule) = (.first, first(word)) }
            if let strongest = strongest(of: findings, word) {
                verdict.kind = strongest.0
                verdict.rule = rule(strongest.1, word: word, changes, snapshot)
                verdict.winner = winner(strongest.1)
            }
        }
        if findings.contains(.init(.conflictWon, .title)) { verdict.titleWinner = "local" }
        if findings.contains(.init(.conflictLost, .title)) { verdict.titleWinner = "remote" }
        return verdict
    }

    /// Nil for anything but a conflict.
    private func winner(_ finding: TwoWayDecision.Finding) -> String? {
        switch finding.kind {
        case .conflictWon: "local"
        case .conflictLost: "remote"
        default: nil
        }
    }

    /// The status value that the remote is known to have.
    func heldWord(_ record: LinkRecord) -> String? { statusField.flatMap { record[$0].held.value?.stringValue } }

    private func first(_ word: String?) -> String { "\(profile.name) says `\(word ?? "")`; a new link is told the local state once" }

    /// The most important finding about status or assignee.
    private func strongest(
        of findings: [TwoWayDecision.Finding], _ word: String?
    ) -> (Verdict.Kind, TwoWayDecision.Finding)? {
        let order: [(TwoWayDecision.Finding.Kind, Verdict.Kind)] = [
            (.conflictLost, .conflict), (.conflictWon, .conflict), (.adopted, .adopted), (.braked, .braked), (.reopeningRefused, .refused),
            (.endedBeforeTheMessage, .refused), (.notUnderstood, .left), (.notAdopted, .left), (.takenOff, .kept), (.fits, .kept),
            (.notCompared, .left),
        ]
        for (kind, verdict) in order {
            let found = findings.filter { $0.kind == kind && $0.attribute != .title }
            // A user beside a status value without a meaning is left because of that value.
            let cause = found.first { $0.kind == .notUnderstood && $0.attribute == .status }
            guard let finding = cause ?? found.first else { continue }
            switch (kind, word.flatMap { profile.inboundMap[$0] }) {
            case (.notUnderstood, nil) where finding.attribute == .status || word != nil: return (.unmapped, finding)
            case (.fits, .noStatement?): return (.silent, finding)
            default: return (verdict, finding)
            }
        }
        return nil
    }

    private func rule(
        _ finding: TwoWayDecision.Finding, word: String?, _ changes: Verdict.Changes, _ snapshot: LinkSnapshot
    ) -> String {
        let (name, local, policy) = (profile.name, snapshot.conversation.status.rawValue, profile.adoption)
        let said = "\(name) says `\(word ?? "nothing")`"
        let subject = finding.attribute == .assignee ? "who has it" : "`\(local)`"
        switch finding.kind {
        case .adopted: return "adopted \(adopted(changes, snapshot)): \(said)"
        case .conflictLost:
            return
                "adopted \(adopted(changes, snapshot)): \(said); the local change to \(subject) lost (conflict = \"\(policy.conflict.rawValue)\")"
        case .conflictWon:
            return
                "kept \(subject): it changed here as well, and what \(name) says (`\(word ?? "")`) lost (conflict = \"\(policy.conflict.rawValue)\")"
        case .reopeningRefused: return "kept `\(local)`: \(said), \(evidence(policy.reopening))"
        case .endedBeforeTheMessage:
            let wrote = snapshot.local.customerWroteAt.map { " of \($0.iso8601)" } ?? ""
            return "kept `\(local)`: \(said), ended before the customer's message\(wrote)"
        case .braked:
            return "held: \(said), and \(name) reports more conversations as over than the brake allows; "
                + "`convosync outbox release --held-by brake` lets it go on"
        case .notUnderstood where finding.attribute == .assignee:
            if let problem = statusProblem(word) { return "kept who has it: \(problem)" }
            return "kept who has it: nobody in the table assignees is the user whom \(name) names"
        case .notUnderstood: return unmappedRule(word ?? "")
        case .notAdopted: return "\(said); remotes.\(name).adopt does not name the status"
        case .notCompared: return "\(said): the AI has it, whoever is named"
        case .takenOff: return "\(said) and names nobody any more: the assignee was removed there"
        case .fits: return fits(word, snapshot)
        case .leftToTheRemote: return "left to \(name): what it says cannot be understood, and it is later than the change here"
        case .held: return "sent back too often"
        case .guard: return "the status map sends nothing over `\(word ?? "")` for this state (`convosync map`)"
        }
    }

    /// What to say about a status value without a cell in the inbound map.
    package func unmappedRule(_ word: String) -> String {
        "`\(word)` is not mapped, nothing is done because of it; [remotes.\(profile.name).status.inbound] can give it a meaning"
    }

    /// Why a user that comes with this status value does not count; nil if one does.
    func statusProblem(_ word: String?) -> String? {
        guard let word else { return "no status value is known, and a user counts only beside one" }
        guard profile.inboundMap[word] == nil else { return nil }
        return "`\(word)` has no meaning here, and a user counts only beside a status value that has one"
    }

    private func fits(_ word: String?, _ snapshot: LinkSnapshot) -> String {
        let (name, word, conversation) = (profile.name, word ?? "", snapshot.conversation)
        if profile.inboundMap[word] == .noStatement { return "\(name) says `\(word)`, which makes no statement here" }
        let state = LocalState(conversation.status, Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees))
        let local = conversation.status.rawValue
        return profile.lens.looks(state, like: word)
            ? "kept `\(local)`: \(name) says `\(word)`, which is what `\(local)` looks like there"
            : "kept `\(local)`: \(name) says `\(word)`, which fits it"
    }

    /// `closed`, or `open (human)`: the owner of a finished conversation is not shown.
    private func adopted(_ changes: Verdict.Changes, _ snapshot: LinkSnapshot) -> String {
        let status = changes.status ?? snapshot.conversation.status
        let assignee = changes.assigneeID ?? snapshot.conversation.assigneeID
        return LocalState(status, Owner(assigneeID: assignee, ai: profile.aiAssignees)).text
    }

    private func evidence(_ reopening: AdoptionPolicy.Reopening) -> String {
        reopening == .message
            ? "but nobody has written or taken it up by name since the conversation was finished (reopen = \"message\")"
            : "and it is never reopened from there (reopen = \"\(reopening.rawValue)\")"
    }
}

extension LocalState {
    /// `open (human)`; the owner of a finished state is not shown.
    package var text: String { status.isFinished ? "`\(status.rawValue)`" : "`\(status.rawValue)` (\(owner.rawValue))" }
}
