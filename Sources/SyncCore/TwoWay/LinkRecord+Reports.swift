/// The content of a read of an object.
package struct FieldReport: Sendable, Equatable {
    /// By the remote's names, in its own form. A missing name was not reported.
    package var values: Fields
    /// The remote's date of its last change.
    package var date: Instant?
    package var began: Instant
    package var customerWroteAt: Instant?
    /// When anything was last written in the conversation, and how often the customer has replied: only an increase counts.
    package var lastMessageAt: Instant?
    package var interactions: Int64?

    package init(
        values: Fields, date: Instant? = nil, began: Instant, customerWroteAt: Instant? = nil, lastMessageAt: Instant? = nil,
        interactions: Int64? = nil
    ) {
        self.values = values
        self.date = date
        self.began = began
        self.customerWroteAt = customerWroteAt
        self.lastMessageAt = lastMessageAt
        self.interactions = interactions
    }
}

extension LinkRecord {
    /// How a report was received.
    package enum Reception: String, Sendable {
        /// The read began before the latest known event: the object is read once more.
        case overtaken
        /// Dated before the floor.
        case stale
        /// The older state persists: the remote was set back, and the local state is due.
        case rolledBack = "rolled back"
        /// It may show an earlier state: the object is read once more.
        case readAgain = "read again"
        case believed
    }

    /// The number of reads in a row after which an older state is accepted as permanent.
    private static let readsOfRollback = 3
    /// A date further in the future than this is ignored.
    private static let farthestDate = Duration.days(1)

    /// An event of a remote whose events arrive in any order: its effect is the one it would have had in the right order.
    package mutating func take(_ event: EventOrder.Event, _ report: FieldReport, _ rules: TwoWayRules, _ local: LocalRow, now: Instant)
        -> Reception
    {
        let map = rules.lens.inbound
        let before = events ?? EventOrder()
        var order = before
        order.note(event, in: map)
        events = order
        guard counts(event, after: before, rules, local) else { return .stale }
        // An end that waits for a person stays what the remote has until it reports another status.
        if hasHeldEnd {
            guard case .state? = map[event.word] else { return .believed }
        }
        return take(report, rules, now: now)
    }

    /// Whether an event has an effect after those that are known.
    private func counts(_ event: EventOrder.Event, after known: EventOrder, _ rules: TwoWayRules, _ local: LocalRow) -> Bool {
        switch known.place(of: event, in: rules.lens.inbound) {
        case .latest: true
        case .stale: false
        case .late: known.status.map { rules.finishesLate(event.word, at: event.at, before: $0.word, local) } ?? false
        }
    }

    /// Gives what the remote has its place in the order of events: when it was reported, it may have had no meaning. If it would not have counted
    /// with one, the remote has what was agreed on before.
    mutating func noteHeldEvent(_ rules: TwoWayRules, _ local: LocalRow) {
        let map = rules.lens.inbound
        guard let date = heldDate, let name = rules.name(of: .status), let word = self[name].held.value?.stringValue, map[word] != nil
        else { return }
        let event = EventOrder.Event(word: word, at: date)
        let before = events ?? EventOrder()
        var order = before
        order.note(event, in: map)
        events = order
        // What is agreed on, or waits for a person, had a meaning when it came. So had the latest event that has one.
        let record = self[name]
        guard record.held != record.theirs, !hasHeldEnd, before.last?.word != word else { return }
        guard !counts(event, after: before, rules, local) else { return }
        fields[name]?.held = record.theirs
        heldDate = nil
    }

    package mutating func take(_ report: FieldReport, _ rules: TwoWayRules, now: Instant) -> Reception {
        if !rules.isEventStream, let lastHeardAt, report.began < lastHeardAt { return .overtaken }
        // A date in the future is not used for ordering, so that it cannot make later reports stale.
        let order = report.date.flatMap { $0 <= now ? $0 : nil }
        if !rules.isEventStream, let order, let floor, order < floor { return takeOlder(report, order, rules) }
        let before = rules.fields.filter { report.values[$0.name] != nil }.map { ($0.name, self[$0.name].held) }
        if !rules.isEventStream, isFormer(report, before), order == nil || order == floor || ownDate == .undated, !isSuspect {
            isSuspect = true
            lastHeardAt = report.began
            return .readAgain
        }
        // Unless a read has shown another date since our call: what was there then was not the form of what we sent.
        let isStoredForm = order != nil && ownDate == order.map(OwnDate.date) && heldDate == nil
        for field in rules.fields {
            guard let value = report.values[field.name] else { continue }
            apply(value, of: field, rules, isStoredForm: isStoredForm)
        }
        let isUnchanged = rules.fields.allSatisfy { self[$0.name].held == self[$0.name].theirs }
        heldDate = policyDate(report.date, now: now)
        if let order { floor = max(order, floor ?? order) }
        let values = Dictionary(uniqueKeysWithValues: before)
        former = before.contains { report.values[$0.0].map(KnownValue.value) != $0.1 } ? .values(values) : .none
        isSuspect = false
        older = nil
        lastHeardAt = report.began
        if isUnchanged { checkedAt = report.began - rules.lag }
        noteCustomer(report, dated: heldDate)
        return .believed
    }

    /// Whether the object has to be read once more after a report.
    ///
    /// A report that was overtaken may have shown somebody's change: nobody names the object again, and a response to a call of ours need
    /// not show it. If what has overtaken it lies in the future, because a clock was set back, the next read would be overtaken as well.
    package func mustRead(after reception: Reception?, now: Instant) -> Bool {
        switch reception {
        case .readAgain?: true
        case .overtaken?: lastHeardAt.map { $0 <= now } ?? false
        case .stale?, .rolledBack?, .believed?, nil: false
        }
    }

    /// Updates when the customer last wrote: as the remote reports it, or because its counts have grown since the last read. A count that has grown
    /// without a time is not recorded: a later read dates it. The last message may be anybody's, so it counts only where the replies are not counted.
    /// - Parameter date: of the last change at the remote, if it may be somebody's; nil for a response to a call of ours.
    mutating func noteCustomer(_ report: FieldReport, dated date: Instant?) {
        var times = [report.customerWroteAt, customerWroteAt]
        let isCounted = interactions != nil && report.interactions != nil
        if !isCounted, let before = lastMessageAt, let at = report.lastMessageAt, at > before { times.append(at) }
        let isMore = interactions.flatMap { before in report.interactions.map { $0 > before } } ?? false
        let time = report.lastMessageAt ?? date
        if isMore { times.append(time) }
        customerWroteAt = times.compactMap { $0 }.max()
        lastMessageAt = [report.lastMessageAt, lastMessageAt].compactMap { $0 }.max()
        if !isMore || time != nil { interactions = [report.interactions, interactions].compactMap { $0 }.max() }
    }

    /// The date that is compared with local changes. The date of our own call is nobody's change; if that call had no date, none is used.
    private func policyDate(_ date: Instant?, now: Instant) -> Instant? {
        guard let date, date < now + LinkRecord.farthestDate, ownDate != .undated, ownDate != .date(date) else { return nil }
        return min(date, now)
    }

    private mutating func takeOlder(_ report: FieldReport, _ order: Instant, _ rules: TwoWayRules) -> Reception {
        let reads = older?.date == order ? (older?.reads ?? 0) + 1 : 1
        lastHeardAt = report.began
        guard reads >= LinkRecord.readsOfRollback else {
            older = Older(date: order, reads: reads)
            return .stale
        }
        for field in rules.fields {
            guard let value = report.values[field.name] else { continue }
            var record = self[field.name]
            record.takeSpelling(value, field, rules)
            if .value(value) != record.theirs { (record.theirs, record.ours, record.note) = (.value(value), .never, nil) }
            record.held = .value(value)
            fields[field.name] = record
        }
        floor = order
        older = nil
        former = .none
        heldDate = order
        return .rolledBack
    }

    private func isFormer(_ report: FieldReport, _ before: [(name: String, held: KnownValue)]) -> Bool {
        let former: [String: KnownValue]
        switch self.former {
        case .none: return false
        case .anything: former = [:]
        case .values(let values): former = values
        }
        return before.contains { name, held in
            let value = report.values[name].map(KnownValue.value) ?? .never
            return value != held && former[name] ?? value == value
        }
    }

    private mutating func apply(_ value: JSONValue, of field: TwoWayRules.Field, _ rules: TwoWayRules, isStoredForm: Bool) {
        var record = self[field.name]
        if isKnown, let sent = record.doubt.last(where: { $0 == value || rules.meanSame(field, $0, value) }) {
            // A call of unknown fate had arrived.
            (record.ours, record.theirs, record.isByUs, record.note) = (.value(sent), .value(value), value != .null, nil)
            if sent == record.doubt.last {
                record.doubt = []
                record.upTo = doubtOf ?? record.upTo
            }
        } else if field.role.hasStoredForm,
            (record.note == .unshown && record.ours.value?.isEmptyContent != true)
                || (isStoredForm && carried.contains(field.name) && .value(value) != record.theirs)
        {
            // Nobody changed it since our call: it is the form in which the remote stores the value that was sent.
            record.theirs = .value(value)
            record.note = record.ours.value.map { rules.isStored($0, as: value, field) } == true ? nil : .drift
        }
        if isKnown { record.takeLost(value, field, rules) }
        record.takeSpelling(value, field, rules)
        // Whoever has the conversation by now, this is another end of the AI's part.
        if rules.isEventStream, value.stringValue.flatMap({ rules.lens.inbound[$0] }) == .endsAI { record.theirs = .never }
        if rules.isEventStream, record.theirs == .never, rules.begins(with: value) { record.theirs = .value(value) }
        record.held = .value(value)
        record.isByUs = record.isByUs && (record.theirs == .value(value) || forgottenAt != nil)
        fields[field.name] = record
    }
}

extension FieldRecord {
    /// A lost call, and not somebody else, set the value that is the first one to be shown after another value was refused. A title may be there in
    /// any form.
    mutating func takeLost(_ value: JSONValue, _ field: TwoWayRules.Field, _ rules: TwoWayRules) {
        guard !lost.isEmpty else { return }
        if field.role == .title || lost.contains(where: { $0 == value || rules.meanSame(field, $0, value) }) {
            (theirs, isByUs) = (.value(value), value != .null)
            if ours == theirs { note = nil }
        }
        // Tags are compared one by one afterwards.
        if field.role != .tags { lost = [] }
    }

    /// Another value with the meaning of the agreed one is not a change at the remote (vg stores `ended_chat` as `completed`; fin says `thinking`,
    /// then `awaiting_user_reply`).
    mutating func takeSpelling(_ value: JSONValue, _ field: TwoWayRules.Field, _ rules: TwoWayRules) {
        guard let agreed = theirs.value, rules.meanSame(field, agreed, value) else { return }
        theirs = .value(value)
    }
}
