extension Profile {
    /// The remote's words for a conversation that is over.
    ///
    /// The documented meaning goes before the configured map: a map that says `done` for open conversations is just what must be
    /// noticed. Words that only the configuration knows mean what they are configured for.
    package var finishedWords: Set<String> {
        let own = statusMap.words(isFinished: true).subtracting(statusMap.words(isFinished: false))
        return kind.vocabulary.finished.union(own.subtracting(kind.vocabulary.writable))
    }
}

extension Adapter {
    /// Whether a delta ends a conversation over there that is known not to be over. Where no word of the remote is known, nothing is.
    func finishes(_ delta: Delta, knowing record: LinkRecord) -> Bool {
        guard let field = statusField, let word = delta.fields[field]?.stringValue, profile.finishedWords.contains(word) else {
            return false
        }
        guard let known = record.likely(field)?.stringValue else { return false }
        return !profile.finishedWords.contains(known)
    }
}
