@testable import SyncCore

/// The last change of an attribute by a person. At rest it must show in the local row, or a finding must explain why not.
struct TwoWayAct: Sendable {
    enum Place: Sendable, Equatable {
        case here(String?)
        case remote(Int)
    }

    var place: Place
    /// The object after the change, and the fields that concern the attribute.
    var object: Fields = [:]
    var fields: Set<String> = []
    /// A read has shown it.
    var isSeen = false
    /// The finding that reported its loss, or why no finding is possible.
    var said: String?

    static func here(_ value: String?) -> TwoWayAct { TwoWayAct(place: .here(value)) }
}

/// The record of changes: what happens in the world is noted here, so that no change is lost without a finding.
extension TwoWayWorld {
    private static let losses: Set<TwoWayDecision.Finding.Kind> = [
        .conflictWon, .reopeningRefused, .endedBeforeTheMessage, .notUnderstood, .notAdopted, .takenOff, .held, .guard, .notCompared,
    ]

    mutating func noteAct(at index: Int, _ changed: Fields, _ known: LinkRecord) {
        let remote = remotes[index]
        let object = remote.object
        let cell = meaning(remote, object)
        var made = TwoWayAct(place: .remote(index), object: object)
        // A change that repeats a call in doubt, or restores the value before it, cannot be distinguished from that call.
        let repeats = changed.contains { name, value in
            !known[name].doubt.isEmpty && (known[name].doubt.contains(value) || known[name].theirs == .value(value))
        }
        if repeats { made.said = "hidden by a call" }
        if let title = remote.rules.name(of: .title), changed[title] != nil {
            let isOwnTick = date(index).map { known.ownDate == .date($0) } ?? (known.ownDate == .undated)
            if isOwnTick || !known[title].doubt.isEmpty || known[title].note == .unshown { made.said = "taken for the stored form" }
            acts[.title] = made.about([title])
        }
        let user = changed["user"]
        if changed["word"] != nil {
            if acts[.status]?.place == .remote(index) { acts[.status] = nil }
            let before = known["word"].theirs.value?.stringValue.flatMap { remote.rules.lens.inbound[$0]?.status }
            if cell?.status != before { acts[.status] = made.about(["word"]) }
        }
        if let former = acts[.assignee], former.place == .remote(index),
            user == .null || (changed["word"] != nil && former.fields != ["user"])
        {
            acts[.assignee] = nil
        }
        if let user, user != .null {
            acts[.assignee] = made.about(["user"])
        } else if changed["word"] != nil, saysWho(cell, object) {
            acts[.assignee] = made.about(["word", "user"])
        }
    }

    private func meaning(_ remote: Remote, _ object: Fields) -> InboundMap.Cell? {
        object["word"]?.stringValue.flatMap { remote.rules.lens.inbound[$0] }
    }

    /// Whether a status value determines the owner of the conversation.
    private func saysWho(_ cell: InboundMap.Cell?, _ object: Fields) -> Bool {
        guard case .state(let status, let owner) = cell else { return false }
        let isNamed = object["user"].map { $0 != .null } ?? false
        if owner == .ai || owner == .human || (owner == .named && !isNamed) { return true }
        return status == .open && isNamed && Owner(assigneeID: local.values.assigneeID, ai: [TwoWayKind.ai]) != .human
    }

    mutating func note(_ findings: [TwoWayDecision.Finding], of index: Int) {
        for finding in findings {
            let act = acts[finding.attribute]
            let isFromHere = act?.place == .remote(index)
            if isFromHere, TwoWayWorld.losses.contains(finding.kind) { acts[finding.attribute]?.said = finding.kind.rawValue }
            switch finding.kind {
            case .conflictLost:
                // A local change that loses, or one at another remote that arrived before.
                for attribute in LocalAttribute.allCases where acts[attribute]?.place != .remote(index) {
                    acts[attribute]?.said = finding.kind.rawValue
                }
            case .adopted:
                guard case .remote = act?.place, !isFromHere, !remotes[index].kind.isDated else { continue }
                acts[finding.attribute]?.said = "ordered by arrival"
            case .notUnderstood, .notAdopted:
                guard finding.attribute != .title else { continue }
                for attribute in [LocalAttribute.status, .assignee] where acts[attribute]?.place == .remote(index) {
                    acts[attribute]?.said = "left"
                }
            default: break
            }
        }
    }

    /// A fresh read was accepted.
    mutating func noteSeen(_ index: Int, _ before: LinkRecord) {
        let object = remotes[index].object
        for (attribute, act) in acts where act.place == .remote(index) {
            let isUndone = !act.isSeen && act.fields.allSatisfy { before[$0].theirs == .value(object[$0] ?? .null) }
            acts[attribute]?.isSeen = true
            if act.said == nil, isUndone { acts[attribute]?.said = "there and back unseen" }
        }
    }

    /// A change that a read showed, and that changed nothing here because the row looks like it already.
    mutating func noteIdle(_ index: Int, since before: TwoWayWorld) {
        for (attribute, act) in acts where act.place == .remote(index) && act.isSeen && act.said == nil {
            guard local.values[attribute].hasSameBytes(as: before.local.values[attribute]), shows(act, attribute) else { continue }
            acts[attribute]?.said = "as it is here"
        }
    }

    /// A call in doubt carries the same values as the change.
    mutating func noteMistakable(_ index: Int, _ sent: Fields) {
        for (attribute, act) in acts where act.place == .remote(index) && !act.isSeen {
            guard act.fields.contains(where: { sent[$0] != nil && sent[$0] == act.object[$0] }) else { continue }
            acts[attribute]?.said = "hidden by a call"
        }
    }

    /// A call that is applied before a read could show a person's change.
    mutating func noteOverwritten(_ index: Int, _ sent: Fields) {
        for (attribute, act) in acts where act.place == .remote(index) && !act.isSeen && act.fields.contains(where: { sent[$0] != nil }) {
            acts[attribute]?.said = "overwritten unseen"
        }
    }

    /// Whether the local row shows what a change set an attribute to.
    func shows(_ act: TwoWayAct, _ attribute: LocalAttribute) -> Bool {
        let values = local.values
        switch act.place {
        case .here(let value): return values[attribute].hasSameBytes(as: value)
        case .remote(let index):
            let rules = remotes[index].rules
            if attribute == .title { return JSONValue.nullable(values.title) == act.object["title"] }
            if attribute == .assignee, act.fields == ["user"] {
                let person = rules.seats.person(act.object["user"] ?? .null, present: values.assigneeID)
                return person == nil || person.hasSameBytes(as: values.assigneeID)
            }
            guard let word = act.object["word"]?.stringValue, rules.lens.inbound[word] != nil else { return true }
            return rules.put(word, user: act.object["user"], onto: values)[attribute].hasSameBytes(as: values[attribute])
        }
    }
}

extension TwoWayAct {
    func about(_ fields: Set<String>) -> TwoWayAct {
        var act = self
        act.fields = fields
        return act
    }
}

extension InboundMap.Cell {
    var status: LocalStatus? { if case .state(let status, _) = self { status } else { nil } }
}
