extension Adapter {
    /// Whether a call with these fields could undo what a person has done at the remote since it was last heard of: it carries a status value that
    /// must not replace another one (`never_over`), or takes off a user. Its object is read before the call (``ReadBeforeWrite``).
    package func isGuarded(_ sent: Fields) -> Bool {
        sharedFields.contains { field in
            switch (field.role, sent[field.name]) {
            case (.status, .string(let word)?): profile.statusMap.neverOver[word]?.isEmpty == false
            case (.user, .null?): true
            default: false
            }
        }
    }

    /// Whether nothing that such a call would replace is left out of these fields.
    func showsGuarded(_ shown: Fields) -> Bool {
        sharedFields.allSatisfy { field in
            (field.role != .status && field.role != .user) || !field.isWritable || shown[field.name] != nil
        }
    }
}
