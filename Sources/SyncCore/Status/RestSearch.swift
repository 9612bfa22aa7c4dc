/// Plays every single change at every system through all remotes, with the decisions of the program itself, and looks whether each
/// remote is written at most once and all come to rest.
///
/// The search is finite: 12 local states × changes (11 local ones, or a word with or without an assignee at one remote) × the
/// spellings in which a remote may show what was written to it.
package struct RestSearch {
    /// One remote in the play.
    private struct Side {
        var remote: NamedLens
        var word: String
        var hasAssignee = false
        var base: String
        var known: String
        var writes = 0
    }

    private struct Play {
        var local: LocalState
        var sides: [Side]
        /// What happened, for the counter-example.
        var trace: [String]
        /// Which spelling remotes answer with, where there are several.
        var spelling: Int
        var isEvident: Bool
        /// The remote whose word was last taken over: the likely culprit.
        var adoptedFrom: String?
    }

    private let remotes: [NamedLens]
    /// After so many rounds a play that still moves will not stop.
    private static let rounds = 4
    private static let epoch = Instant(milliseconds: 0)

    package init(remotes: [NamedLens]) {
        self.remotes = remotes
    }

    /// The first counter-example of each remote.
    package func violations() -> [StatusLaws.Violation] {
        var found: [StatusLaws.Violation] = []
        for start in LocalState.all {
            for spelling in 0..<2 {
                for isEvident in [false, true] {
                    let play = Play(
                        local: start, sides: remotes.map { side($0, at: start) }, trace: [], spelling: spelling, isEvident: isEvident)
                    for violation in changes(of: play).compactMap(run) where !found.contains(where: { $0.remote == violation.remote }) {
                        found.append(violation)
                    }
                }
            }
        }
        return found
    }

    /// A remote that agrees with a local state.
    private func side(_ remote: NamedLens, at state: LocalState) -> Side {
        let word: String
        if case .word(let sent) = remote.lens.outbound[state] {
            word = sent
        } else {
            let words = remote.lens.inbound.cells.keys.sorted()
            word = words.first { remote.lens.put($0, onto: state) == state } ?? words.first ?? ""
        }
        return Side(remote: remote, word: word, base: word, known: word)
    }

    private func changes(of play: Play) -> [Play] {
        var plays: [Play] = []
        for state in LocalState.all where state != play.local {
            var changed = play
            changed.local = state
            changed.trace = ["\(play.local.name) → \(state.name)"]
            plays.append(changed)
        }
        for index in play.sides.indices {
            for word in play.sides[index].remote.lens.inbound.cells.keys.sorted() where word != play.sides[index].word {
                for hasAssignee in [false, true] {
                    var changed = play
                    changed.sides[index].word = word
                    changed.sides[index].hasAssignee = hasAssignee
                    changed.trace = ["\(play.sides[index].remote.name) `\(word)`"]
                    plays.append(changed)
                }
            }
        }
        return plays
    }

    private func run(_ play: Play) -> StatusLaws.Violation? {
        var play = play
        for _ in 0..<RestSearch.rounds {
            let before = play.trace.count
            for index in play.sides.indices { read(index, &play) }
            for index in play.sides.indices { write(index, &play) }
            if let side = play.sides.first(where: { $0.writes > 1 }) {
                return violation(play, side, "is written more than once")
            }
            if play.trace.count == before { return disagreement(play) }
        }
        return play.sides.first.map { violation(play, $0, "does not come to rest") }
    }

    private func read(_ index: Int, _ play: inout Play) {
        let side = play.sides[index]
        let lens = side.remote.lens
        let policy = AdoptionPolicy(
            fields: side.remote.policy.fields, conflict: .remote, reopening: play.isEvident ? .always : .never)
        let wanted = lens.outbound.word(for: play.local, over: side.known)
        let decision = StatusReconciliation(lens: lens, policy: policy).decide(
            Observation(word: side.word, assignee: side.hasAssignee ? .somebody("1") : .unknown), word: side.word,
            known: .init(word: side.known, assignee: side.hasAssignee && side.known == side.word ? .somebody("1") : .unknown),
            attempted: nil,
            local: .init(state: play.local, isDue: wanted != nil && wanted != side.base, changedAt: RestSearch.epoch))
        play.sides[index].known = side.word
        switch decision {
        case .adopted(let state), .conflictLost(let state):
            if state != play.local { play.trace.append(state.name) }
            play.adoptedFrom = side.remote.name
            play.local = state
            play.sides[index].base = lens.outbound.word(for: state, over: side.word) ?? side.word
        case .agreed, .finer:
            play.sides[index].base = lens.outbound.word(for: play.local, over: side.word) ?? side.word
        case .conflictWon, .reopeningRefused:
            play.sides[index].base = side.word
        case .unmapped:
            play.sides[index].known = side.known
        case .silent, .unchanged, .echo, .first, .attended:
            break
        }
    }

    private func write(_ index: Int, _ play: inout Play) {
        let side = play.sides[index]
        guard let wanted = side.remote.lens.outbound.word(for: play.local, over: side.known), wanted != side.base else { return }
        let shown = shown(wanted, side.remote, play.spelling)
        play.sides[index].writes += 1
        play.sides[index].base = wanted
        play.sides[index].word = shown
        play.sides[index].known = wanted
        play.trace.append("\(side.remote.name) `\(wanted)`" + (shown == wanted ? "" : ", shown as `\(shown)`"))
    }

    private func shown(_ word: String, _ remote: NamedLens, _ spelling: Int) -> String {
        guard let spellings = remote.spellings.first(where: { $0.contains(word) })?.sorted() else { return word }
        return spellings[spelling % spellings.count]
    }

    /// At rest every remote that is told the status shows a word that fits the local state, unless a guard keeps it from being told.
    private func disagreement(_ play: Play) -> StatusLaws.Violation? {
        for side in play.sides where side.remote.policy.fields.contains(.status) {
            let lens = side.remote.lens
            guard case .word(let wanted) = lens.outbound[play.local], lens.outbound.word(for: play.local, over: side.known) == wanted,
                case .becomes(let other) = lens.image(of: side.word, hasAssignee: side.hasAssignee, onto: play.local)
            else { continue }
            return violation(play, side, "rests at `\(side.word)`, which means \(other.name), while the conversation is \(play.local.name)")
        }
        return nil
    }

    private func violation(_ play: Play, _ side: Side, _ consequence: String) -> StatusLaws.Violation {
        let steps = play.trace.prefix(6).joined(separator: " → ") + (play.trace.count > 6 ? " → …" : "")
        return .init(
            law: .rest, remote: play.adoptedFrom ?? side.remote.name, text: "\(steps): \(side.remote.name) \(consequence)")
    }
}
