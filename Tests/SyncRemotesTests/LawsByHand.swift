import SyncCore

/// The laws of docs/remotes/README.md, "Laws of the maps", implemented a second time, directly from its text and
/// over plain dictionaries: nothing here calls the program's rules.
struct LawsByHand {
    typealias Reading = (status: LocalStatus, owner: InboundMap.OwnerImage)

    struct Remote {
        var name: String
        /// State → status value; nil: no statement.
        var sent: [LocalState: String] = [:]
        /// Status value → meaning; a value without one is unmapped or makes no statement.
        var meaning: [String: Reading] = [:]
        var neverOver: [String: Set<String>] = [:]
        var known: Set<String> = []
        var spellings: [Set<String>] = []

        init(_ profile: Profile) {
            name = profile.name
            spellings = profile.kind.vocabulary.spellings
            neverOver = profile.statusMap.neverOver
            known = Set(profile.inboundMap.cells.keys)
            for state in LocalState.all { if case .word(let word) = profile.statusMap[state] { sent[state] = word } }
            for (word, cell) in profile.inboundMap.cells {
                if case .state(let status, let owner) = cell { meaning[word] = (status, owner) }
            }
        }

        func isSame(_ left: String, _ right: String) -> Bool {
            if left == right { return true }
            guard let first = meaning[left], let second = meaning[right] else { return false }
            return first == second
        }

        /// The local state after a status value with or without an assignee; the same state where it stays.
        func put(_ word: String, _ hasAssignee: Bool, onto local: LocalState) -> LocalState {
            guard let (status, owner) = meaning[word] else { return local }
            let image = LocalState(status, LawsByHand.apply(owner, local.owner, hasAssignee))
            // "If the outbound word of the local state equals the word that came in, the local state stays as it is" …
            let isNewPerson = owner == .assignee && hasAssignee && local.owner != .human
            if let sent = sent[local], isSame(sent, word), !isNewPerson { return local }
            // … and a finer word survives a coarser one of the same class.
            if local.status != .open, status != .open, word != status.rawValue || status == local.status { return local }
            return image
        }
    }

    static func apply(_ image: InboundMap.OwnerImage, _ owner: Owner, _ hasAssignee: Bool) -> Owner {
        switch image {
        case .ai: .ai
        case .none: .none
        case .human: .human
        case .unchanged: owner
        case .assignee: hasAssignee ? .human : owner
        case .named: hasAssignee ? .human : .none
        }
    }

    static func isFinished(_ state: LocalState) -> Bool { state.status != .open }

    // MARK: Laws of one remote

    /// The names of the laws that a map breaks.
    static func broken(_ remote: Remote) -> Set<String> {
        var broken: Set<String> = []
        for state in LocalState.all {
            guard let word = remote.sent[state] else { continue }
            // Totality: every sent value can be read back.
            guard remote.known.contains(word) else {
                broken.insert("totality")
                continue
            }
            // A sent value is read back as the same state, in every spelling of the remote.
            for shown in remote.spellings.first(where: { $0.contains(word) }) ?? [word]
            where remote.put(shown, false, onto: state) != state { broken.insert("get-put") }
            // A sent value has the same class when it is read.
            if let (status, _) = remote.meaning[word], (status != .open) != isFinished(state) { broken.insert("put-get") }
        }
        for word in remote.meaning.keys {
            for state in LocalState.all {
                for hasAssignee in [false, true] {
                    let after = remote.put(word, hasAssignee, onto: state)
                    guard after != state, let back = remote.sent[after], let (status, owner) = remote.meaning[back] else { continue }
                    let isSameClass = (status != .open) == isFinished(after)
                    let isSameOwner = isFinished(after) || apply(owner, after.owner, after.owner == .human) == after.owner
                    if !isSameClass || !isSameOwner { broken.insert("put-get") }
                }
            }
        }
        return broken
    }

    // MARK: Rest

    /// Plays one change and checks that each remote is written at most once, and that nothing is due in the end.
    /// - Returns: the violation, or nil.
    static func play(_ remotes: [Remote], from start: LocalState, change: (remote: Int, word: String)?, to target: LocalState?) -> String? {
        var local = start
        var shown = remotes.map { $0.sent[start] ?? "" }
        var base = shown
        var writes = remotes.map { _ in 0 }
        if let target { local = target }
        if let change { shown[change.remote] = change.word }
        let wanted = change.map { remotes[$0.remote].put($0.word, false, onto: start) } ?? local
        for _ in 0..<5 {
            var isQuiet = true
            for (index, remote) in remotes.enumerated() where !shown[index].isEmpty && !remote.isSame(shown[index], base[index]) {
                let after = remote.put(shown[index], false, onto: local)
                if after != local { isQuiet = false }
                local = after
                if remote.meaning[shown[index]] != nil { base[index] = shown[index] }
            }
            for (index, remote) in remotes.enumerated() {
                guard let wanted = remote.sent[local], wanted != base[index], !fits(remote, base[index], local) else { continue }
                if remote.neverOver[wanted]?.contains(shown[index]) == true { continue }
                writes[index] += 1
                isQuiet = false
                (base[index], shown[index]) = (wanted, wanted)
                // The remote may show its other spelling.
                if let other = remote.spellings.first(where: { $0.contains(wanted) })?.sorted().first { shown[index] = other }
            }
            if let index = writes.firstIndex(where: { $0 > 1 }) { return "\(remotes[index].name) is written twice" }
            if isQuiet {
                let lasts = isFinished(local) == isFinished(wanted) && (isFinished(local) || local.owner == wanted.owner)
                return lasts ? nil : "the change does not last: \(local)"
            }
        }
        return "no rest"
    }

    /// Whether a status value of the remote matches the local state, as far as it makes a statement.
    private static func fits(_ remote: Remote, _ word: String, _ local: LocalState) -> Bool {
        guard let (status, owner) = remote.meaning[word] else { return false }
        if isFinished(local) { return status != .open }
        return status == .open && apply(owner, local.owner, local.owner == .human) == local.owner
    }

    static func unrest(_ remotes: [Remote]) -> String? {
        for start in LocalState.all {
            for target in LocalState.all where target != start {
                if let problem = play(remotes, from: start, change: nil, to: target) { return "\(start) → \(target): \(problem)" }
            }
            for (index, remote) in remotes.enumerated() {
                for word in remote.known.sorted() {
                    if let problem = play(remotes, from: start, change: (index, word), to: nil) {
                        return "\(start), \(remote.name) `\(word)`: \(problem)"
                    }
                }
            }
        }
        return nil
    }
}
