/// The results of reading and writing one remote, computed with the program's own rules (``TwoWayDecision``).
///
/// Many simulations go through the same moves, so each is computed once. Everything happens at one point in time. That is sufficient,
/// because the remote always wins and the setting says whether a conversation may be reopened, so no decision depends on a date.
final class RestMoves {
    /// What varies between simulations.
    struct Setting: Hashable {
        /// Whether there is evidence for reopening a finished conversation.
        var mayReopen = false
        /// Which spelling remotes show, if they have several for the value they were sent.
        var spelling = 0
    }

    struct Move {
        var station: Int
        var row: Int
        /// The fields that were written; nil if none were.
        var sent: Fields?
        /// The status value that the remote shows after it.
        var shown = ""
        /// Whether the remote's status value was adopted.
        var isAdopted = false
        /// Whether evidence for reopening would have led to another result.
        var asksForEvidence = false
        /// Whether the remote has another spelling for what it shows.
        var dependsOnSpelling = false
    }

    private struct Key: Hashable {
        enum Kind: Hashable { case read, write, disagreement }

        var kind: Kind
        var station: Int
        var row: Int
        var setting = Setting()
    }

    let stations = RestStations()
    private let remotes: [any Adapter]
    private let strict: [TwoWayRules]
    private let reopening: [TwoWayRules]
    private var moves: [Key: Move] = [:]
    private var disagreements: [Key: LocalState?] = [:]

    init(remotes: [any Adapter]) {
        self.remotes = remotes
        strict = remotes.map { $0.restRules(mayReopen: false) }
        reopening = remotes.map { $0.restRules(mayReopen: true) }
    }

    func start(_ remote: Int, at row: Int) -> Int { stations.start(remote, remotes[remote], strict[remote], at: row) }

    func read(_ station: Int, _ row: Int, _ setting: Setting) -> Move {
        guard stations[station].hasNews else { return Move(station: station, row: row) }
        return once(.read, station, row, setting) { setting in
            var state = stations[station]
            let rules = rules(state.remote, setting)
            let report = FieldReport(values: state.object, began: RestStations.now)
            // An earlier state is read once more before it is accepted.
            if state.link.take(report, rules, now: RestStations.now) == .readAgain {
                _ = state.link.take(report, rules, now: RestStations.now)
            }
            return decide(&state, row, rules, isConfirmed: true).move
        }
    }

    func write(_ station: Int, _ row: Int, _ setting: Setting) -> Move {
        once(.write, station, row, setting) { setting in
            var state = stations[station]
            let remote = remotes[state.remote]
            let rules = rules(state.remote, setting)
            let (first, due) = decide(&state, row, rules, isConfirmed: false)
            guard !due.isEmpty else { return atRest(first) }
            state.object.merge(due) { $1 }
            let forms = due[RestWorld.statusField]?.stringValue.map(remote.profile.kind.vocabulary.forms) ?? []
            if !forms.isEmpty { state.object[RestWorld.statusField] = .string(forms[setting.spelling % forms.count]) }
            let response = LinkRecord.Acknowledgement(sent: due, shown: .init(values: state.object, began: RestStations.now))
            _ = state.link.acknowledged(response, of: stations.row(first.row).numbers, rules, now: RestStations.now)
            var (second, stillDue) = decide(&state, first.row, rules, isConfirmed: false)
            if stillDue.isEmpty { _ = atRest(second) }
            second.sent = due
            second.shown = state.word
            second.isAdopted = first.isAdopted || second.isAdopted
            second.asksForEvidence = first.asksForEvidence || second.asksForEvidence
            second.dependsOnSpelling = forms.count > 1
            return second
        }
    }

    /// The meaning of a resting remote's status value, if it does not fit the local row; nil if both agree, if a guard keeps the remote
    /// from being sent the state, and if it is sent no status.
    func disagreement(_ station: Int, _ row: Int) -> LocalState? {
        let key = Key(kind: .disagreement, station: station, row: row)
        if let known = disagreements[key] { return known }
        let found = findDisagreement(stations[station], stations.row(row).values)
        disagreements[key] = .some(found)
        return found
    }

    private func findDisagreement(_ station: RestStations.Station, _ local: LocalValues) -> LocalState? {
        let state = LocalState(local)
        let outbound = remotes[station.remote].profile.statusMap
        guard remotes[station.remote].profile.adoption.fields.contains(.status), case .word(let wanted) = outbound[state],
            outbound.word(for: state, over: station.word) == wanted
        else { return nil }
        let rules = strict[station.remote]
        let named = LocalState(rules.put(station.word, user: station.user, onto: local))
        guard named != state else { return nil }
        // The named user may be somebody whose assignment is not ours to revoke; then the status value alone has to fit.
        return LocalState(rules.put(station.word, user: nil, onto: local)) == state ? nil : named
    }

    // MARK: Helpers

    private func decide(
        _ state: inout RestStations.Station, _ row: Int, _ rules: TwoWayRules, isConfirmed: Bool
    ) -> (move: Move, due: Fields) {
        let decision = TwoWayDecision(state.link, stations.row(row), rules, now: RestStations.now, isConfirmed: isConfirmed)
        state.link = decision.link
        var move = Move(station: stations.number(state), row: stations.number(decision.local))
        move.isAdopted = decision.findings.contains { [.adopted, .conflictLost].contains($0.kind) && $0.attribute == .status }
        move.asksForEvidence = decision.findings.contains { $0.kind == .reopeningRefused }
        return (move, decision.send)
    }

    private func rules(_ remote: Int, _ setting: Setting) -> TwoWayRules { setting.mayReopen ? reopening[remote] : strict[remote] }

    /// Repeating a decision that sends nothing changes nothing.
    private func atRest(_ move: Move) -> Move {
        moves[Key(kind: .write, station: move.station, row: move.row)] = Move(station: move.station, row: move.row)
        return move
    }

    /// Moves that do not depend on the setting are computed once for all settings.
    private func once(_ kind: Key.Kind, _ station: Int, _ row: Int, _ setting: Setting, _ work: (Setting) -> Move) -> Move {
        let plain = once(Key(kind: kind, station: station, row: row), work)
        guard setting != Setting(), plain.asksForEvidence || plain.dependsOnSpelling else { return plain }
        return once(Key(kind: kind, station: station, row: row, setting: setting), work)
    }

    private func once(_ key: Key, _ work: (Setting) -> Move) -> Move {
        if let move = moves[key] { return move }
        let move = work(key.setting)
        moves[key] = move
        return move
    }
}
