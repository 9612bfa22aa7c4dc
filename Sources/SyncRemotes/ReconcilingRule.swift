import SyncCore

extension RemoteAdapter {
    /// Why a report was decided as it was, in one sentence.
    func rule(for decision: StatusReconciliation.Decision, word: String, _ snapshot: InboundSnapshot) -> String {
        let name = profile.name
        let local = snapshot.conversation.status.rawValue
        let policy = profile.adoption
        return switch decision {
        case .unmapped:
            "`\(word)` is not mapped, nothing is done because of it; [remotes.\(name).status.inbound] is the place to say what it means"
        case .silent: "\(name) says `\(word)`, which makes no statement here"
        case .unchanged: "\(name) says `\(word)`; nothing changed over there"
        case .echo: "\(name) says `\(word)`, which is what was sent to it"
        case .first: "\(name) says `\(word)`; a new link is told the local state once"
        case .agreed: "kept `\(local)`: \(name) says `\(word)`, which is what `\(local)` looks like there"
        case .finer: "kept `\(local)`: \(name) says `\(word)`, which says less exactly that the conversation is finished"
        case .attended: "kept: \(name) says `\(word)`, and a person has the conversation already"
        case .adopted(let state): "took over \(state.text): \(name) says `\(word)`"
        case .conflictLost(let state):
            "took over \(state.text): \(name) says `\(word)`; the local change to `\(local)` lost (conflict = \"\(policy.conflict.rawValue)\")"
        case .conflictWon:
            "kept `\(local)`: it changed here as well, and \(name)'s `\(word)` lost (conflict = \"\(policy.conflict.rawValue)\")"
        case .reopeningRefused:
            "kept `\(local)`: \(name) says `\(word)`, \(evidence(policy.reopening))"
        }
    }

    private func evidence(_ reopening: AdoptionPolicy.Reopening) -> String {
        reopening == .message
            ? "but the end user has not written since the conversation was finished (reopen = \"message\")"
            : "and it is never reopened from there (reopen = \"\(reopening.rawValue)\")"
    }
}

extension LocalState {
    /// `open (human)`; finished states have nobody who answers.
    package var text: String { status.isFinished ? "`\(status.rawValue)`" : "`\(status.rawValue)` (\(owner.rawValue))" }
}
