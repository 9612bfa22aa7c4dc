import SyncCore

extension RemoteKind {
    /// The field that carries the status word.
    package var statusField: String? {
        switch self {
        case .helpdesk, .voicebot: "status"
        case .vg: "state"
        case .fin: nil
        }
    }
}

extension RemoteProfile {
    /// The remote's words for a conversation that is over.
    ///
    /// The documented meaning goes before the configured map: a map that says `done` for open conversations is just what must be
    /// noticed. Words that only the configuration knows mean what they are configured for.
    package var finishedWords: Set<String> {
        func words(_ map: StatusMap, isFinished: Bool) -> Set<String> {
            Set(LocalState.all.filter { $0.status.isFinished == isFinished }.map { map[$0].text })
        }
        let standard = StatusMap.standard(for: kind)
        var finished = words(standard, isFinished: true)
        if kind == .vg { finished.insert("completed") }
        let documented = Set(StatusMap.documentedWords(for: kind))
        let own = words(statusMap, isFinished: true).subtracting(words(statusMap, isFinished: false)).subtracting(documented)
        return finished.union(own).subtracting([StatusMap.Cell.noStatement.text])
    }
}

extension RemoteAdapter {
    /// Whether a delta ends a conversation over there that is known not to be over. Where no word of the remote is known, nothing is.
    func finishes(_ delta: Delta, knowing record: LinkRecord) -> Bool {
        guard let field = profile.kind.statusField, let word = delta.fields[field]?.stringValue, profile.finishedWords.contains(word)
        else { return false }
        guard let known = record.likely(field)?.stringValue else { return false }
        return !profile.finishedWords.contains(known)
    }
}
