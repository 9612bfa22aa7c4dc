/// Simulates every single change at every system with all remotes, using the program's own rules, and checks that each remote is written at
/// most once and that all come to rest.
///
/// The search is finite: 12 local states × changes (every other state or person here; every status value with nobody, or with either of two
/// people, at one remote) × whether there is evidence for reopening × the spellings in which a remote shows what it was sent. Settings that
/// make no difference to a simulation are not varied.
package struct RestSearch {
    /// One remote in the simulation.
    private struct Side {
        var remote: Int
        var station: Int
        var writes = 0
        var isAdopted = false
    }

    private enum Step {
        case changed(from: LocalValues, to: LocalValues)
        case became(LocalValues)
        case reported(remote: Int, word: String, user: JSONValue?)
        case wrote(remote: Int, sent: Fields, shown: String)
    }

    private struct Play {
        var row: Int
        var sides: [Side]
        /// The steps so far, for the counter-example.
        var steps: [Step] = []
        /// The remote whose status value was last adopted: the likely cause.
        var adoptedFrom: Int?
        var asksForEvidence = false
        var dependsOnSpelling = false
    }

    private let remotes: [any Adapter]
    private let moves: RestMoves
    /// A simulation that still moves after this many rounds will not stop.
    private static let rounds = 4

    package init(remotes: [any Adapter]) {
        self.remotes = remotes
        moves = RestMoves(remotes: remotes)
    }

    /// The first counter-example of each remote.
    package func violations() -> [StatusLaws.Violation] { violations(among: Array(remotes.indices)) }

    /// The same with only some of the remotes configured.
    func violations(among indices: [Int]) -> [StatusLaws.Violation] {
        var found: [StatusLaws.Violation] = []
        for state in LocalState.all {
            let row = moves.stations.row(at: state.values)
            let start = Play(row: row, sides: indices.map { Side(remote: $0, station: moves.start($0, at: row)) })
            for change in localChanges(of: start) + remoteChanges(of: start) {
                for violation in outcomes(of: change) where !found.contains(where: { $0.remote == violation.remote }) {
                    found.append(violation)
                }
            }
        }
        return found
    }

    private func values(_ row: Int) -> LocalValues { moves.stations.row(row).values }

    // MARK: Changes

    private func localChanges(of start: Play) -> [Play] {
        let present = values(start.row)
        let others =
            LocalState.all.map(\.values)
            + LocalStatus.allCases.flatMap { status in
                secondPerson(start).map { LocalValues(status: status, assigneeID: $0.id) }
            }
        return others.filter { $0 != present }.map { values in
            var changed = start
            changed.row = moves.stations.row(start.row, changedTo: values)
            changed.steps = [.changed(from: present, to: values)]
            return changed
        }
    }

    private func remoteChanges(of start: Play) -> [Play] {
        start.sides.indices.flatMap { position in
            let side = start.sides[position]
            let (word, user) = (moves.stations[side.station].word, moves.stations[side.station].user)
            let cells = remotes[side.remote].profile.inboundMap.cells.sorted { $0.key < $1.key }
            return cells.flatMap { newWord, cell in
                users(beside: cell, user, start).filter { newWord != word || $0 != user }.map { newUser in
                    var changed = start
                    changed.sides[position].station = moves.stations.station(side.station, changedTo: newWord, user: newUser)
                    changed.steps = [.reported(remote: side.remote, word: newWord, user: newUser == user ? nil : newUser)]
                    return changed
                }
            }
        }
    }

    /// The users that a remote may name with a status value. If that value gives the conversation to the AI, or has no meaning, the named
    /// user has no effect until the value changes again, which would be a change of its own.
    private func users(beside cell: InboundMap.Cell, _ present: JSONValue?, _ start: Play) -> [JSONValue?] {
        guard present != nil, case .state(_, let owner) = cell, owner != .ai else { return [present] }
        return [.null, RestWorld.people[0].user] + secondPerson(start).map(\.user)
    }

    /// If nobody has the conversation yet, the two people are interchangeable.
    private func secondPerson(_ start: Play) -> [RestWorld.Person] {
        LocalState(values(start.row)).owner == .human ? [RestWorld.people[1]] : []
    }

    // MARK: Simulating

    private func outcomes(of change: Play) -> [StatusLaws.Violation] {
        var outcomes: [StatusLaws.Violation?] = []
        for spelling in 0..<2 {
            var dependsOnSpelling = false
            for mayReopen in [false, true] {
                let (play, violation) = run(change, .init(mayReopen: mayReopen, spelling: spelling))
                outcomes.append(violation)
                dependsOnSpelling = dependsOnSpelling || play.dependsOnSpelling
                if !play.asksForEvidence { break }
            }
            if !dependsOnSpelling { break }
        }
        return outcomes.compactMap { $0 }
    }

    private func run(_ start: Play, _ setting: RestMoves.Setting) -> (play: Play, violation: StatusLaws.Violation?) {
        var play = start
        for _ in 0..<RestSearch.rounds {
            let before = play.steps.count
            for position in play.sides.indices {
                follow(moves.read(play.sides[position].station, play.row, setting), position, &play)
            }
            for position in play.sides.indices {
                follow(moves.write(play.sides[position].station, play.row, setting), position, &play)
            }
            if let problem = unrest(play) { return (play, problem) }
            if play.steps.count == before { return (play, disagreement(play)) }
        }
        return (play, play.sides.first.map { violation(play, $0, "does not come to rest") })
    }

    private func follow(_ move: RestMoves.Move, _ position: Int, _ play: inout Play) {
        let remote = play.sides[position].remote
        play.sides[position].station = move.station
        play.asksForEvidence = play.asksForEvidence || move.asksForEvidence
        if move.row != play.row {
            play.row = move.row
            play.steps.append(.became(values(move.row)))
        }
        if move.isAdopted {
            play.adoptedFrom = remote
            play.sides[position].isAdopted = true
        }
        guard let sent = move.sent else { return }
        play.sides[position].writes += sent.isEmpty ? 0 : 1
        play.steps.append(.wrote(remote: remote, sent: sent, shown: move.shown))
        play.dependsOnSpelling = play.dependsOnSpelling || move.dependsOnSpelling
    }

    // MARK: What is wrong

    private func unrest(_ play: Play) -> StatusLaws.Violation? {
        if let side = play.sides.first(where: { $0.writes > 1 }) { return violation(play, side, "is written more than once") }
        guard case .wrote(let remote, let sent, _) = play.steps.last, sent[RestWorld.statusField] != nil else { return nil }
        return play.sides.first { $0.remote == remote && $0.isAdopted }
            .map { violation(play, $0, "is told a status value although its own was adopted") }
    }

    /// At rest every remote that is sent the status shows one that fits the local state, unless a guard keeps it from being sent.
    private func disagreement(_ play: Play) -> StatusLaws.Violation? {
        for side in play.sides {
            guard let other = moves.disagreement(side.station, play.row) else { continue }
            let local = LocalState(values(play.row))
            let word = moves.stations[side.station].word
            return violation(play, side, "rests at `\(word)`, which means \(other.name), while the conversation is \(local.name)")
        }
        return nil
    }

    private func violation(_ play: Play, _ side: Side, _ consequence: String) -> StatusLaws.Violation {
        let steps = play.steps.prefix(6).map(text).joined(separator: " → ") + (play.steps.count > 6 ? " → …" : "")
        let culprit = play.adoptedFrom ?? side.remote
        let words = play.steps.flatMap { self.words(of: $0, at: culprit) }
        return .init(
            law: .rest, remote: remotes[culprit].profile.name, text: "\(steps): \(remotes[side.remote].profile.name) \(consequence)",
            words: words,
            states: play.steps.flatMap(states))
    }

    private func words(of step: Step, at culprit: Int) -> [String] {
        switch step {
        case .reported(culprit, let word, _): [word]
        case .wrote(culprit, let sent, let shown): [shown, sent[RestWorld.statusField]?.stringValue].compactMap { $0 }
        default: []
        }
    }

    private func states(of step: Step) -> [LocalState] {
        switch step {
        case .changed(_, let values), .became(let values): [LocalState(values)]
        case .reported, .wrote: []
        }
    }

    private func text(_ step: Step) -> String {
        switch step {
        case .changed(let before, let after): "\(text(before)) → \(text(after))"
        case .became(let values): text(values)
        case .reported(let remote, let word, let user):
            "\(remotes[remote].profile.name) `\(word)`" + (user.map { $0 == .null ? " without a person" : " with a person" } ?? "")
        case .wrote(let remote, let sent, let shown): "\(remotes[remote].profile.name) " + text(sent, shown)
        }
    }

    private func text(_ sent: Fields, _ shown: String) -> String {
        guard let word = sent[RestWorld.statusField]?.stringValue else { return "is told who answers" }
        return "`\(word)`" + (shown == word ? "" : ", shown as `\(shown)`")
    }

    private func text(_ values: LocalValues) -> String {
        values.assigneeID == RestWorld.people[1].id && !values.status.isFinished
            ? "\(values.status.rawValue) (another human)" : LocalState(values).name
    }
}
