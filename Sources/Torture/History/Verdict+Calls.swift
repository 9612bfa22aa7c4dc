import SandboxModel

extension Verdict {
    private static let messageRemote = "fin"

    /// Every call shows a state that the application had written, and never one before the state that an earlier call has shown.
    ///
    /// A call carries some fields only, so several states may fit: the earliest that is possible is taken.
    mutating func checkOrder(_ history: History) {
        var reached: [Place: Int] = [:]
        for call in history.calls where call.remote != Self.messageRemote {
            let (place, textsOnly) = (Place(call), history.journal.acts[call.conversation] != nil)
            guard let states = history.journal.states[call.conversation], let image = Image(call) else {
                fail(.unwanted, "\(place) received \(call.body)")
                continue
            }
            let fitting = states.indices.filter { image.shows(states[$0], textsOnly: textsOnly) }
            let former = reached[place, default: 0]
            if let next = fitting.first(where: { $0 >= former }) {
                reached[place] = next
            } else if let last = fitting.last {
                fail(.outOfOrder, "\(place) received state \(last) after state \(former): \(call.body)")
            } else {
                fail(.unwanted, "\(place) received \(call.body), which no state of the conversation is")
            }
        }
    }

    /// Every message arrived once, in the order in which it was written.
    mutating func checkMessages(_ history: History) {
        var taken: [String: [String]] = [:]
        for call in history.calls where call.remote == Self.messageRemote && call.isApplied {
            guard let text = MessageText.of(call) else {
                fail(.unwanted, "\(Place(call)) received \(call.body)")
                continue
            }
            taken[call.conversation, default: []].append(text)
        }
        for conversation in Set(taken.keys).union(history.journal.messages.keys) {
            let (wanted, found) = (history.journal.messages[conversation] ?? [], taken[conversation] ?? [])
            let counts = found.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            for text in wanted where counts[text] == nil { fail(.lost, "\(conversation): message \(text) is not at fin") }
            for (text, count) in counts {
                if count > 1 { fail(.repeated, "\(conversation): message \(text) is at fin \(count) times") }
                if !wanted.contains(text) { fail(.unwanted, "\(conversation): nobody wrote message \(text)") }
            }
            var known = Set<String>()
            let order = found.filter { wanted.contains($0) && known.insert($0).inserted }
            if order != wanted.filter(known.contains) { fail(.outOfOrder, "\(conversation): messages \(order), written as \(wanted)") }
        }
    }

    /// A call that was acknowledged is made again only if it was in flight at a kill, once for each of them, with the same key and body.
    mutating func checkRepeats(_ history: History, _ inFlight: [[Call]]) {
        let allowed = inFlight.reduce(into: [String: Int]()) { counts, calls in
            for key in Set(calls.compactMap(\.key)) { counts[key, default: 0] += 1 }
        }
        mayRepeat = allowed.values.reduce(0, +)
        for call in history.calls where call.key == nil { fail(.unwanted, "\(Place(call)) received a call without a key: \(call.body)") }
        for (key, same) in Dictionary(grouping: history.calls.filter { $0.key != nil }, by: { $0.key ?? "" }) {
            if Set(same.map { "\($0.remote) \($0.conversation) \($0.body)" }).count > 1 {
                fail(.unwanted, "the key \(key) came with \(Set(same.map(\.body)).sorted())")
            }
            // After a response of any other kind, a retry is right.
            let count = same.dropLast().count(where: \.isAcknowledged)
            repeats += count
            if count > allowed[key] ?? 0, let call = same.first {
                fail(
                    .repeated,
                    "\(Place(call)) received \(call.body) \(count) times more after it was acknowledged, in flight at \(allowed[key] ?? 0) kills"
                )
            }
        }
        let messages = Dictionary(grouping: history.calls.filter { $0.remote == Self.messageRemote }) {
            "\($0.conversation): \(MessageText.of($0) ?? "")"
        }
        for (message, same) in messages where Set(same.map(\.key)).count > 1 {
            fail(.repeated, "\(message) came with \(Set(same.map(\.key)).count) keys")
        }
    }

    /// No more different calls than there were reasons for one.
    mutating func checkNumbers(_ history: History, _ inFlight: [[Call]]) {
        let kills = inFlight.joined().reduce(into: [Place: Int]()) { $0[Place($1), default: 0] += 1 }
        for (place, calls) in Dictionary(grouping: history.calls.filter { $0.remote != Self.messageRemote }, by: Place.init) {
            let changes = history.journal.states[place.conversation]?.count ?? 0
            let most = changes + 2 * (history.journal.acts[place.conversation] ?? 0) + (kills[place] ?? 0)
            let count = Set(calls.map(\.key)).count
            if count > most { fail(.unwanted, "\(place) received \(count) different calls, there were reasons for \(most)") }
        }
    }

    /// A call about a conversation begins only when the one before it has ended, unless nobody waits for that any more.
    mutating func checkOverlaps(_ history: History) {
        for (place, calls) in Dictionary(grouping: history.calls, by: Place.init) {
            var open: [Call] = []
            for call in calls {
                open.removeAll { $0.finishedAt ?? .max < call.arrivedAt }
                for other in open where other.isAnswered && other.finishedAt ?? .max > call.arrivedAt {
                    fail(.overlapping, "\(place) received \(call.body) before it had responded to \(other.body)")
                }
                open.append(call)
            }
        }
    }
}

/// The text of a message to Fin.
private enum MessageText {
    static func of(_ call: Call) -> String? { (try? SandboxJSON(text: call.body))?["message"]?["body"]?.string }
}
