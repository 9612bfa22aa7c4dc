extension Profile {
    /// The remote's status values for a finished conversation.
    ///
    /// The documented meaning takes precedence over the configured map: a map that uses `done` for open conversations is exactly the
    /// mistake that the brake must detect. Status values that only the configuration knows have the configured meaning.
    package var finishedWords: Set<String> {
        let own = statusMap.words(isFinished: true).subtracting(statusMap.words(isFinished: false))
        return kind.vocabulary.finished.union(own.subtracting(kind.vocabulary.writable))
    }
}

extension Adapter {
    /// Whether a delta finishes a conversation at the remote that is known not to be finished. False if the remote's status is unknown.
    func finishes(_ delta: Delta, knowing record: LinkRecord) -> Bool {
        guard let field = statusField, let word = delta.fields[field]?.stringValue, profile.finishedWords.contains(word) else {
            return false
        }
        guard let known = record.likely(field)?.stringValue else { return false }
        return !profile.finishedWords.contains(known)
    }
}
