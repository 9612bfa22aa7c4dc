/// Checks status maps by enumeration: twelve local states, every status value of every remote, with and without an assignee.
///
/// | law        | requires                                                                                          |
/// |------------|---------------------------------------------------------------------------------------------------|
/// | totality   | a value that is sent has a meaning when it is read back                                           |
/// | GetPut     | reading back a value that was sent, in any spelling the remote may show, changes nothing          |
/// | PutGet     | the local state that a value leads to is not sent back as a value of another class or owner       |
/// | rest       | after one change anywhere each remote is written at most once, and all agree (``RestSearch``)      |
///
/// "Class" is open or finished. Values within a class may differ: ``StatusLens`` keeps those.
package enum StatusLaws {
    package struct Violation: Equatable, Sendable {
        package enum Law: String, Sendable {
            case totality, getPut = "get-put", putGet = "put-get", rest
        }

        package var law: Law
        package var remote: String
        /// A counter-example in a readable form.
        package var text: String
        /// The parts of the counter-example, the likeliest causes first: status values of the remote, and local states.
        package var words: [String] = []
        package var states: [LocalState] = []
    }

    /// All violations; the first counter-example for each law and remote.
    package static func violations(of remotes: [any Adapter]) -> [Violation] {
        let search = RestSearch(remotes: remotes)
        let alone = remotes.indices.map { index in
            let laws = [totality(remotes[index]), getPut(remotes[index]), putGet(remotes[index])].compactMap { $0 }
            // A map that contradicts itself does not come to rest either; one explanation is sufficient.
            return laws.isEmpty ? search.violations(among: [index]) : laws
        }
        return alone.flatMap { $0 } + search.violations(among: remotes.indices.filter { alone[$0].isEmpty })
    }

    private static func totality(_ remote: any Adapter) -> Violation? {
        for state in LocalState.all {
            guard case .word(let word) = remote.profile.lens.outbound[state], remote.profile.lens.inbound[word] == nil else { continue }
            return Violation(
                law: .totality, remote: remote.profile.name,
                text: "\(state.name) → \(remote.profile.name) `\(word)`, and nothing says what `\(word)` means when it is read back",
                words: [word], states: [state])
        }
        return nil
    }

    private static func getPut(_ remote: any Adapter) -> Violation? {
        for state in LocalState.all {
            guard case .word(let word) = remote.profile.lens.outbound[state] else { continue }
            for shown in remote.profile.kind.vocabulary.forms(of: word) {
                let read = remote.profile.lens.put(shown, onto: state)
                guard read != state else { continue }
                let showing = shown == word ? "" : ", shown as `\(shown)`"
                return Violation(
                    law: .getPut, remote: remote.profile.name,
                    text: "\(state.name) → \(remote.profile.name) `\(word)`\(showing) → \(read.name): "
                        + "what was sent would come back as something else", words: [shown, word], states: [state])
            }
        }
        return nil
    }

    private static func putGet(_ remote: any Adapter) -> Violation? {
        for state in LocalState.all {
            if let violation = contradiction(remote, state, from: nil) { return violation }
        }
        for word in remote.profile.lens.inbound.cells.keys.sorted() {
            for state in LocalState.all {
                for hasAssignee in [false, true] {
                    guard case .becomes(let put) = remote.profile.lens.image(of: word, hasAssignee: hasAssignee, onto: state) else {
                        continue
                    }
                    if let violation = contradiction(remote, put, from: word) { return violation }
                }
            }
        }
        return nil
    }

    /// A local state that is sent as a value of the other class; or, if it came from a status value, as one of another owner.
    private static func contradiction(_ remote: any Adapter, _ state: LocalState, from word: String?) -> Violation? {
        guard case .word(let sent) = remote.profile.lens.outbound[state],
            case .state(let status, let owner) = remote.profile.lens.inbound[sent]
        else { return nil }
        let read = LocalState(status, owner.applied(to: state.owner, hasAssignee: state.owner == .human))
        let isSameClass = read.status.isFinished == state.status.isFinished
        let isSameOwner = word == nil || state.status.isFinished || read.owner == state.owner
        guard !isSameClass || !isSameOwner else { return nil }
        let source = word.map { "\(remote.profile.name) `\($0)` → " } ?? ""
        let consequence =
            word == nil ? "the remote would say the opposite" : "a value that is set at the remote would be turned into another one"
        return Violation(
            law: .putGet, remote: remote.profile.name,
            text: "\(source)\(state.name) → \(remote.profile.name) `\(sent)` → \(read.name): \(consequence)",
            words: [word, sent].compactMap { $0 }, states: [state])
    }
}

extension LocalState {
    /// `open (human)`, `closed`.
    package var name: String { status.isFinished ? status.rawValue : "\(status.rawValue) (\(owner.rawValue))" }
}
