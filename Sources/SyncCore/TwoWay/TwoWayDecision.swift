/// The decision that follows from a link's record and the local row: what is adopted, what is sent, and what is left unchanged.
///
/// The order is: the user, the status value, the title and the tags; then sending. No other code makes these decisions.
package struct TwoWayDecision: Sendable, Equatable {
    /// A result for one attribute that is reported to people.
    package struct Finding: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            case adopted
            case fits
            case conflictLost = "conflict lost"
            case conflictWon = "conflict won"
            case reopeningRefused = "reopening refused"
            case endedBeforeTheMessage = "ended before the message"
            case notUnderstood = "not understood"
            case notCompared = "not compared"
            case notAdopted = "not adopted"
            /// Too many conversations were reported as finished.
            case braked = "held by the brake"
            case takenOff = "taken off"
            case leftToTheRemote = "left to the remote"
            case held
            case `guard`
        }

        package var kind: Kind
        package var attribute: LocalAttribute

        package init(_ kind: Kind, _ attribute: LocalAttribute) {
            self.kind = kind
            self.attribute = attribute
        }
    }

    package var link: LinkRecord
    package var local: LocalRow
    package var send: Fields
    /// The fields that are to be sent, and wait until others were sent alone.
    package var waiting: Set<String>
    /// The fields that would be sent if the remote had not undone them too often.
    package var heldBack: Fields
    package var findings: [Finding]
    package var adoptsTags: Bool

    /// - Parameter isConfirmed: whether the decision follows an accepted report; otherwise it follows a local change, an outcome or a new
    ///   map.
    package init(_ link: LinkRecord, _ local: LocalRow, _ rules: TwoWayRules, now: Instant, isConfirmed: Bool = false) {
        var decision = Deciding(link: link, local: local, rules: rules, now: now)
        decision.compare()
        decision.chooseWhatToSend()
        decision.close(isConfirmed: isConfirmed)
        self.link = decision.link
        self.local = decision.local
        send = decision.send
        waiting = decision.waiting
        heldBack = decision.heldBack
        adoptsTags = decision.adoptsTags
        findings = decision.findings
    }
}

private struct Deciding {
    var link: LinkRecord
    var local: LocalRow
    let rules: TwoWayRules
    let now: Instant
    var send: Fields = [:]
    var waiting: Set<String> = []
    var heldBack: Fields = [:]
    var findings: [TwoWayDecision.Finding] = []
    var adoptsTags = false
    /// The image of the local row at the remote.
    private var wanted: Fields
    /// Fields whose value at the remote is not understood.
    private var left: Set<String> = []

    init(link: LinkRecord, local: LocalRow, rules: TwoWayRules, now: Instant) {
        self.link = link
        self.local = local
        self.rules = rules
        self.now = now
        wanted = rules.image(local.values)
    }

    // MARK: The remote's changes

    mutating func compare() {
        link.hasHeldEnd = false
        guard link.isKnown else { return forgetWhatIsGone() }
        // What the remote was never known to have did not change there.
        let readable = rules.fields.filter { $0.role.isReadable && link[$0.name].held != .never }
        var changed = Set(readable.filter { link[$0.name].held != link[$0.name].theirs }.map(\.name))
        if let title = rules.name(of: .title), changed.contains(title), !link[title].doubt.isEmpty {
            // It may be the form in which a lost call was stored: the title is sent again.
            changed.remove(title)
            find(.conflictWon, .title)
        }
        if let user = rules.name(of: .user), changed.contains(user) { compareUser(user) }
        if let status = rules.name(of: .status), changed.contains(status) { compareStatus(status) }
        if let title = rules.name(of: .title), changed.contains(title) { compareTitle(title) }
        if let tags = rules.name(of: .tags), changed.contains(tags) { compareTags(tags) }
    }

    /// First contact: a field that was settled because the remote held the value, or one that must not be overwritten, is due again when it holds
    /// another one. Nothing is adopted yet, so that both sides would differ for good.
    private mutating func forgetWhatIsGone() {
        for field in rules.fields where field.role.isReadable {
            let record = link[field.name]
            guard record.theirs != .never, record.theirs != record.held, record.note != .refused else { continue }
            settle(field.name) { ($0.ours, $0.note) = (.never, nil) }
        }
    }

    /// The user that the remote names only counts together with a status value that is understood and that allows a human owner.
    private mutating func compareUser(_ name: String) {
        guard rules.policy.fields.contains(.status) else { return find(.notAdopted, .assignee) }
        let present = local.values.assigneeID
        guard let cell = cell, let user = link[name].held.value else { return leave(name, .notUnderstood, .assignee) }
        guard case .state(let status, let owner) = cell, owner != .ai else { return leave(name, .notCompared, .assignee) }
        if user == .null {
            settle(name) { ($0.isByUs, $0.note) = (false, .takenOff) }
            return find(.takenOff, .assignee)
        }
        switch rules.seats.person(user, present: present) {
        case let who? where JSONValue.string(who) == .nullable(present):
            agree(name)
            link.fields[name]?.isByUs = false
        case let who?:
            meet(name, having(\.assigneeID, who))
        case nil where rules.owner(present) != .human && !status.isFinished:
            meet(name, having(\.assigneeID, rules.unknownAssignee))
        case nil:
            leave(name, .notUnderstood, .assignee)
        }
    }

    private mutating func compareStatus(_ name: String) {
        guard rules.policy.fields.contains(.status) else { return find(.notAdopted, .status) }
        guard let word = link[name].held.value?.stringValue, rules.lens.inbound[word] != nil else {
            return leave(name, .notUnderstood, .status)
        }
        let claim = rules.put(word, user: rules.name(of: .user).flatMap { link[$0].held.value }, onto: local.values)
        guard claim == local.values else {
            if rules.areEndsHeld, claim.status.isFinished, !local.values.status.isFinished {
                link.hasHeldEnd = true
                return leave(name, .braked, .status)
            }
            return meet(name, claim)
        }
        agree(name)
        find(.fits, .status)
    }

    private mutating func compareTitle(_ name: String) {
        guard rules.policy.fields.contains(.title) else { return find(.notAdopted, .title) }
        let held = link[name].held.value
        guard held != .nullable(local.values.title) else { return agree(name) }
        meet(name, having(\.title, held?.stringValue))
    }

    /// Tags that were added or removed at the remote since both sides agreed are added or removed here; all others stay.
    private mutating func compareTags(_ name: String) {
        guard rules.policy.fields.contains(.tags), let local = local.values.tags, let held = link[name].held.value?.texts else { return }
        let (before, now) = ((link[name].theirs.value?.texts ?? []).exactSet, held.exactSet)
        // A call of unknown fate may be why a tag is there that it brought, and why one is missing that it did not bring.
        let sent = (link[name].doubt + link[name].lost).compactMap(\.texts).map(\.exactSet)
        let (either, both) = (sent.reduce(before) { $0.union($1) }, sent.reduce(before) { $0.intersection($1) })
        func merged(_ tags: [String]) -> [String] {
            let known = either.union(tags.exactSet)
            return tags.filter { now.contains(ExactText($0)) || !both.contains(ExactText($0)) }
                + held.filter { !known.contains(ExactText($0)) }
        }
        let tags = merged(local)
        // A list that the remote has refused was not agreed on.
        let agreedBefore = link[name].note == .refused ? link[name].theirs : link[name].ours
        var agreed = merged(agreedBefore.value?.texts ?? [])
        // The order of the tags does not matter: a different order is not sent.
        if agreed.exactSet == tags.exactSet { agreed = tags }
        settle(name) { ($0.ours, $0.lost, $0.isByUs, $0.note) = (.value(.array(agreed.map(JSONValue.string))), [], false, nil) }
        guard tags.exactSet != local.exactSet else { return }
        self.local.values.tags = tags
        wanted = rules.image(self.local.values)
        adoptsTags = true
    }

    /// Resolves a value of the remote that differs from the local row.
    private mutating func meet(_ name: String, _ claim: LocalValues) {
        let moved = claim.difference(from: local.values)
        let verdict = judge(claim, moved, upTo: link[name].upTo)
        for attribute in LocalAttribute.allCases where moved.contains(attribute) { find(verdict, attribute) }
        guard verdict == .adopted || verdict == .conflictLost else {
            link.sendBacks.append(.init(value: link[name].held, at: now))
            return settle(name) { ($0.ours, $0.note) = (.never, nil) }
        }
        local = local.having(claim, at: link.heldDate ?? link.heldSince ?? now)
        wanted = rules.image(local.values)
        for field in rules.fields {
            var record = link[field.name]
            for attribute in moved { record.upTo[attribute] = local.numbers[attribute] }
            link.fields[field.name] = record
        }
        let image = image(name)
        settle(name) { ($0.ours, $0.isByUs, $0.note) = (image, false, nil) }
    }

    private func judge(
        _ claim: LocalValues, _ moved: Set<LocalAttribute>, upTo: ByAttribute<Int64>
    ) -> TwoWayDecision.Finding.Kind {
        var both = moved.filter { local.numbers[$0] > upTo[$0] }
        // A remote that is sent no state competes by dates alone: if its date is older, it has lost already.
        if rules.isEventStream, let date = link.heldDate { both = both.filter { local.changedAt[$0] > date } }
        if let changedAt = both.map({ local.changedAt[$0] }).max(), !remoteWins(against: changedAt) { return .conflictWon }
        let wasFinished = local.values.status.isFinished
        if wasFinished, !claim.status.isFinished, !mayReopen { return .reopeningRefused }
        if !wasFinished, claim.status.isFinished, let date = link.heldDate, let wrote = local.customerWroteAt, date < wrote {
            return .endedBeforeTheMessage
        }
        return both.isEmpty ? .adopted : .conflictLost
    }

    private var mayReopen: Bool {
        let since = local.changedAt.status
        switch rules.policy.reopening {
        case .always: return true
        case .never: return false
        case .message:
            let user = rules.name(of: .user).flatMap { link[$0].held.value }
            let isTakenByName = link.heldDate.map { $0 > since } == true && user.map { $0 != .null } == true
            let wrote = [local.customerWroteAt, link.customerWroteAt].compactMap { $0 }.max()
            return isTakenByName || wrote.map { $0 > since } == true
        }
    }

    private func remoteWins(against changedAt: Instant) -> Bool {
        switch rules.policy.conflict {
        case .local: false
        case .remote: true
        case .newest:
            (link.heldDate ?? [link.checkedAt, link.customerWroteAt].compactMap { $0 }.max()).map { $0 > changedAt } ?? false
        }
    }

    // MARK: What has to be sent

    mutating func chooseWhatToSend() {
        endHold()
        for field in rules.fields {
            if field.role == .tags { chooseTags(field) } else { choose(field, rules.known(wanted, field.name)) }
        }
        sendOneAtATime()
    }

    private mutating func chooseTags(_ field: TwoWayRules.Field) {
        let want = rules.known(wanted, field.name)
        var record = link[field.name]
        defer { link.fields[field.name] = record }
        guard let tags = want.value?.texts, let value = want.value, field.isWritable else {
            record.ours = want
            return
        }
        guard record.doubt.isEmpty else {
            send[field.name] = value
            return
        }
        guard want != record.ours else { return }
        let held = record.held.value?.texts?.exactSet ?? []
        let isThere = field.onlyAdds ? tags.exactSet.isSubset(of: held) : want == record.held
        // A tag that was sent once, and is stored in another form, is not sent again every time; one that was refused is, with another list.
        let isTaken = record.note != .refused
        let isKnown = field.onlyAdds && isTaken && tags.exactSet.isSubset(of: held.union(record.ours.value?.texts?.exactSet ?? []))
        guard isThere || isKnown else {
            send[field.name] = value
            return
        }
        (record.ours, record.theirs, record.note) = (want, record.held, nil)
    }

    /// The remote has refused a call without a reason: the status is sent first, and each member separately. What the call did not carry does not
    /// wait for it, and is sent separately as well: another refusal must not be about both.
    private mutating func sendOneAtATime() {
        // A member that is due no more without having been accepted was not examined, and neither was another value: nobody knows what is refused.
        let isOutdated = link.probing.contains { name, value in send[name].map { $0 != value } ?? (link[name].ours != .value(value)) }
        link.probing = isOutdated ? [:] : link.probing.filter { send[$0.key] != nil }
        guard !link.probing.isEmpty else { return link.probesRest = false }
        let others = send.filter { link.probing[$0.key] == nil }
        if others.isEmpty, link.probesRest { return }
        let inOrder = rules.fields.filter { (others.isEmpty ? link.probing : others)[$0.name] != nil }
        guard let first = inOrder.first(where: { $0.role == .status }) ?? inOrder.first else { return }
        // Members of one object count as one member of the call.
        let object = first.name.split(separator: ".").first
        let next = send.filter { $0.key.split(separator: ".").first == object && (others.isEmpty || others[$0.key] != nil) }
        waiting = Set(send.keys).subtracting(next.keys)
        send = next
    }

    private mutating func choose(_ field: TwoWayRules.Field, _ want: KnownValue) {
        let name = field.name
        var record = link[name]
        let isInDoubt = !record.doubt.isEmpty
        guard isInDoubt || want != record.ours else { return }
        defer { link.fields[name] = record }
        guard case .value(let value) = want, field.isWritable else {
            record.ours = want
            return
        }
        let guarded = guardedValues(field, value)
        if let held = record.held.value, guarded.contains(held), record.doubt.last.map({ guardedValues(field, $0).contains(held) }) == true
        {
            // The call of unknown fate could not have been planned over that: it was reported since, and the call is not made again.
            (record.ours, record.theirs, record.lost, record.doubt, record.note) = (
                want, record.held, record.lost + record.doubt, [], .guard
            )
            find(.guard, field.role.attribute ?? .status)
        } else if isInDoubt, ([record.held.value] + record.doubt).contains(where: { $0.map(guarded.contains) == true }) {
            // The doubtful value is sent again first, to be certain of the remote's state.
            send[name] = record.doubt.last
        } else if let held = record.held.value, guarded.contains(held) {
            (record.ours, record.theirs, record.doubt, record.note) = (want, record.held, [], .guard)
            find(.guard, field.role.attribute ?? .status)
        } else if !isInDoubt, want == record.held {
            (record.ours, record.theirs, record.note) = (want, want, nil)
        } else if field.role == .user, value == .null, !isOurs(record) {
            (record.ours, record.note) = (want, .notOurs)
        } else if left.contains(name), remoteWins(against: lastChange(field)) {
            find(.leftToTheRemote, field.role.attribute ?? .assignee)
        } else if field.role == .status, !isInDoubt, link.hold == record.held || wasSentBackTooOften(record.held) {
            link.hold = record.held
            heldBack[name] = value
            find(.held, .status)
        } else {
            send[name] = value
        }
    }

    private func guardedValues(_ field: TwoWayRules.Field, _ value: JSONValue) -> Set<JSONValue> {
        guard field.role == .status, let word = value.stringValue else { return [] }
        return Set((rules.lens.outbound.neverOver[word] ?? []).map(JSONValue.string))
    }

    /// Whether the user at the remote was set, or may have been set, by one of our calls.
    private func isOurs(_ record: FieldRecord) -> Bool {
        (record.held == record.theirs || link.forgottenAt != nil) && (record.isByUs || !record.doubt.isEmpty)
    }

    private func lastChange(_ field: TwoWayRules.Field) -> Instant {
        field.role == .status
            ? max(local.changedAt.status, local.changedAt.assignee) : local.changedAt[field.role.attribute ?? .assignee]
    }

    private func wasSentBackTooOften(_ value: KnownValue) -> Bool {
        link.sendBacks.count { $0.value == value && $0.at > now - rules.window } > rules.rounds
    }

    /// Another value at the remote, or a later change of the status here, ends the hold.
    private mutating func endHold() {
        guard let hold = link.hold, let status = rules.name(of: .status) else { return }
        let isChanged = link.sendBacks.last.map { local.changedAt.status > $0.at } ?? true
        guard link[status].held != hold || isChanged else { return }
        link.releaseHold()
    }

    // MARK: What is agreed now

    mutating func close(isConfirmed: Bool) {
        // A remote that has refused everything was told nothing yet: the first contact is still ahead.
        let isKnown = link.isKnown || (send.isEmpty && !link.fields.values.contains { $0.note == .refused })
        for field in rules.fields {
            var record = link[field.name]
            // The first contact, without a call. A remote that is sent no state has none: what was left of its first report can be decided later.
            if record.theirs == .never, isKnown, field.role != .plain, !rules.isEventStream {
                record.theirs = record.held == .never ? .value(.null) : record.held
            }
            let saysTheSame = record.held == record.theirs && record.ours == rules.known(wanted, field.name)
            let isOlder = link.lastHeardAt.map { $0 - rules.lag >= local.lastChangedAt } ?? false
            if isConfirmed, isKnown, send[field.name] == nil, saysTheSame, isOlder { record.upTo = local.numbers }
            link.fields[field.name] = record
        }
        link.isKnown = isKnown
        if isKnown { link.forgottenAt = nil }
        link.sendBacks = Array(link.sendBacks.suffix(9))
    }

    // MARK: Helpers

    private var cell: InboundMap.Cell? {
        rules.name(of: .status).flatMap { link[$0].held.value?.stringValue }.flatMap { rules.lens.inbound[$0] }
    }

    private func image(_ name: String) -> KnownValue { rules.known(wanted, name) }

    private func having<Value>(_ member: WritableKeyPath<LocalValues, Value>, _ value: Value) -> LocalValues {
        var values = local.values
        values[keyPath: member] = value
        return values
    }

    private mutating func find(_ kind: TwoWayDecision.Finding.Kind, _ attribute: LocalAttribute) {
        findings.append(.init(kind, attribute))
    }

    private mutating func leave(_ name: String, _ kind: TwoWayDecision.Finding.Kind, _ attribute: LocalAttribute) {
        left.insert(name)
        find(kind, attribute)
    }

    /// Records that the remote's value and the image of the local row correspond.
    private mutating func agree(_ name: String) {
        let (numbers, image) = (local.numbers, image(name))
        settle(name) { ($0.upTo, $0.ours, $0.note) = (numbers, image, nil) }
    }

    private mutating func settle(_ name: String, _ change: (inout FieldRecord) -> Void) {
        var record = link[name]
        record.theirs = record.held
        change(&record)
        link.fields[name] = record
    }
}
