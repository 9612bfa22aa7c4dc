/// What is known of one field, and the decision about it, for people.
package struct FieldExplanation: Equatable, Sendable {
    package var name: String
    package var record: FieldRecord
    /// The value that the local row has at the remote; nil if it makes no statement.
    package var wanted: JSONValue?
    /// A short code for programs.
    package var decision: String
    package var rule: String
    /// Whether a differing value has no counterpart: a status without a meaning, a user beside one, or a user or assignee that the id map
    /// does not contain.
    package var isUnmapped = false
    /// Whether the brake prevents a finished status from being adopted.
    package var isBraked = false
    /// It is due, and waits until other fields were sent alone.
    package var waits = false

    /// Whether the remote may hold a value of a call that got no response.
    package var isInDoubt: Bool { !record.doubt.isEmpty }
}

extension Adapter {
    /// The present decision about a conversation, field by field, made by the same rules that planning uses.
    package func explain(_ snapshot: LinkSnapshot) -> [FieldExplanation] {
        let (rules, record) = begin(snapshot)
        let decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now)
        let projection = project(snapshot.conversation, seats: rules.seats)
        let omissions = Dictionary(
            (projection.omissions + omissions(projection.fields, knowing: record)).map { ($0.field, $0.reason) },
            uniquingKeysWith: { first, _ in first })
        let names = Set(rules.fields.map(\.name)).union(record.fields.keys).union(omissions.keys)
        return names.sorted().map { name in
            let role = rules.fields.first { $0.name == name }?.role ?? .plain
            let wanted = projection.fields[name]
            let (word, rule) = explanation(
                of: name, role, record[name], wanted, decision, omission: omissions[name], snapshot)
            let findings = decision.findings.filter { $0.attribute == role.attribute }.map(\.kind)
            return FieldExplanation(
                name: name, record: record[name], wanted: wanted, decision: word, rule: rule,
                isUnmapped: word == "left" && findings.contains(.notUnderstood) || word == "omitted" && role == .user,
                isBraked: word == "left" && findings.contains(.braked), waits: decision.waiting.contains(name))
        }
    }

    private func explanation(
        of name: String, _ role: TwoWayRules.Role, _ record: FieldRecord, _ wanted: JSONValue?, _ decision: TwoWayDecision,
        omission: String?, _ snapshot: LinkSnapshot
    ) -> (String, String) {
        // A field about which nothing is wanted by now stays in doubt: the value of the lost call is not sent again.
        if let latest = record.doubt.last, wanted != nil || decision.send[name] != nil {
            return ("in_doubt", "\(latest.text) was sent and no response came: it is sent again until it is acknowledged")
        }
        let findings = decision.findings.filter { $0.attribute == role.attribute }.map(\.kind)
        if findings.contains(.held) {
            return ("held", "sent back too often: \(profile.name) answers with \(record.held.value?.text ?? "another value") each time")
        }
        if decision.waiting.contains(name) {
            let sent = decision.send.keys.sorted().joined(separator: ", ")
            return ("due", "it waits for the response to \(sent): \(profile.name) has refused a call without saying which member")
        }
        if record.note == .refused, decision.send[name] == nil {
            return (
                "refused", "\(profile.name) refuses \(record.ours.value?.text ?? "it"): it is not sent again until it changes or is retried"
            )
        }
        if decision.send[name] != nil {
            return ("due", record.ours == .never ? "it was never acknowledged" : "it differs from what both sides agreed on")
        }
        if let finding = findings.first(where: { [.braked, .notUnderstood, .notAdopted, .notCompared, .leftToTheRemote].contains($0) }) {
            return ("left", left(finding, record, role, beside: heldWord(decision.link)))
        }
        if let omission { return ("omitted", omission) }
        if role == .status, profile.lens.isReadOnly { return ("read_only", "\(profile.name) is told no status") }
        guard let wanted else {
            guard let latest = record.doubt.last else { return ("no_statement", "nothing is said about it") }
            return (
                "no_statement",
                "\(profile.name) may hold \(latest.text): no response came to the call with it, and nothing is said about it by now"
            )
        }
        let held = record.held.value?.text ?? "nothing"
        switch record.note {
        case .drift: return ("drift", "agreed, although \(profile.name) stores it in another form")
        case .unshown: return ("unshown", "acknowledged; the response did not show in which form it is stored")
        case .guard: return ("held_back", "the status map sends nothing over \(held) for this state (`convosync map`)")
        case .notOurs where record.held != .value(.null): return ("not_ours", "a person there set \(held): it is not ours to revoke")
        case .takenOff: return ("taken_off", "removed there: not set again until the assignee changes here")
        case .notOurs, .refused, nil: break
        }
        return ("agreed", agreement(role, record, wanted, snapshot))
    }

    /// - Parameter word: the status value that the remote is known to have.
    private func left(
        _ finding: TwoWayDecision.Finding.Kind, _ record: FieldRecord, _ role: TwoWayRules.Role, beside word: String?
    ) -> String {
        let held = record.held.value?.text ?? "nothing"
        switch finding {
        case .braked:
            return
                "held by the brake: too many conversations are said to be over; `convosync outbox release --held-by brake --remote \(profile.name)`"
        case .notAdopted: return "\(held) is not adopted: remotes.\(profile.name).adopt does not name it"
        case .notCompared: return "\(held): the AI has it, whoever is named"
        case .leftToTheRemote: return "left to \(profile.name): \(held) is later than the change here"
        default:
            return role == .status
                ? "\(held) has no meaning here; [remotes.\(profile.name).status.inbound] can give it a meaning"
                : statusProblem(word) ?? "user \(held) has no row in the table assignees"
        }
    }

    private func agreement(_ role: TwoWayRules.Role, _ record: FieldRecord, _ wanted: JSONValue, _ snapshot: LinkSnapshot) -> String {
        guard role == .status, let word = record.held.value?.stringValue else { return "nothing to send" }
        let conversation = snapshot.conversation
        let state = LocalState(conversation.status, Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees))
        return profile.lens.looks(state, like: word)
            ? "\(profile.name) says `\(word)`, which is what `\(conversation.status.rawValue)` looks like there"
            : "\(profile.name) says `\(word)`, which fits `\(conversation.status.rawValue)`"
    }
}
