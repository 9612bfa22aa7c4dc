/// The effects of our own calls on the record.
extension LinkRecord {
    /// A response that accepts a call.
    package struct Acknowledgement: Sendable {
        package var sent: Fields
        /// What the response reports about the object; ``FieldReport/began`` is when the call began.
        package var shown: FieldReport

        package init(sent: Fields, shown: FieldReport) {
            self.sent = sent
            self.shown = shown
        }
    }

    /// A call that began before ``forget(at:)`` counts as lost: the remote may have been set back since.
    /// - Parameter numbers: those of the local changes that the row included when the call was made.
    /// - Returns: whether the object has to be read, because the response shows another state than the one that was sent.
    package mutating func acknowledged(
        _ response: Acknowledgement, of numbers: ByAttribute<Int64>, _ rules: TwoWayRules, now: Instant
    ) -> Bool {
        if let forgottenAt, response.shown.began < forgottenAt {
            lost(response.sent, of: numbers)
            return false
        }
        let readable = rules.fields.filter(\.role.isReadable)
        let before = Dictionary(uniqueKeysWithValues: readable.map { ($0.name, self[$0.name].held) })
        var isDoubtful = false
        acquit(besides: response.sent)
        for field in rules.fields {
            if let sent = response.sent[field.name] {
                fields[field.name] = record(sent, of: field, response, numbers, rules, &isDoubtful)
            } else {
                note(response.shown.values[field.name], of: field, numbers, rules)
            }
        }
        let isComplete = rules.fields.allSatisfy { field in
            let record = self[field.name]
            let isAccountedFor =
                response.sent[field.name] != nil || response.shown.values[field.name] != nil || !field.role.isReadable
            return record.held == record.theirs && isAccountedFor
        }
        if !fields.values.contains(where: { !$0.doubt.isEmpty }) { doubtOf = nil }
        if let date = response.shown.date, date <= now { floor = max(date, floor ?? date) }
        ownDate = response.shown.date.map(OwnDate.date) ?? .undated
        carried = Set(response.sent.keys)
        former = isKnown ? .values(before) : .anything
        // A row that was planned before ``forget(at:)`` carries only a part of what is due: the first contact is not over.
        let isPart = forgottenAt != nil && rules.fields.contains { self[$0.name].ours == .never }
        isKnown = !isPart
        if !isPart { forgottenAt = nil }
        isSuspect = false
        older = nil
        lastHeardAt = now
        heldDate = nil
        probesRest = false
        if isComplete { checkedAt = response.shown.began }
        noteCustomer(response.shown, dated: nil)
        return isDoubtful
    }

    /// Records a field that the call carried.
    private func record(
        _ sent: JSONValue, of field: TwoWayRules.Field, _ response: Acknowledgement, _ numbers: ByAttribute<Int64>, _ rules: TwoWayRules,
        _ isDoubtful: inout Bool
    ) -> FieldRecord {
        let shown = response.shown.values[field.name]
        var value = shown ?? (field.onlyAdds ? adding(sent, to: self[field.name].held) : sent)
        if field.role == .status || field.role == .user, value != sent, rules.understands(field, value), !rules.meanSame(field, value, sent)
        {
            // Another state than the one that was sent: only a read can confirm it.
            value = sent
            isDoubtful = true
        }
        let note: FieldRecord.Note? =
            field.role.hasStoredForm && shown == nil ? .unshown : rules.isStored(sent, as: value, field) ? nil : .drift
        return FieldRecord(
            upTo: numbers, ours: .value(sent), theirs: .value(value), held: .value(value), isByUs: sent != .null, note: note)
    }

    private func adding(_ sent: JSONValue, to held: KnownValue) -> JSONValue {
        guard let tags = sent.texts, let before = held.value?.texts else { return sent }
        let known = before.exactSet
        return .array((before + tags.filter { !known.contains(ExactText($0)) }).map(JSONValue.string))
    }

    /// Records a field that the call did not carry.
    private mutating func note(
        _ shown: JSONValue?, of field: TwoWayRules.Field, _ numbers: ByAttribute<Int64>, _ rules: TwoWayRules
    ) {
        var record = self[field.name]
        if !isKnown {
            // First contact: the value is recorded, not adopted. The local image that the decision before the call recorded stays.
            let absent: KnownValue = field.role == .plain ? .never : .value(.null)
            let value = shown.map(KnownValue.value) ?? (record.held == .never ? absent : record.held)
            // What was settled because of the value before is due again if the response shows another one.
            if let shown, field.role.isReadable, record.note != .refused, let settled = record.theirs.value,
                !rules.meanSame(field, settled, shown), !rules.isStored(settled, as: shown, field)
            {
                (record.ours, record.note) = (.never, nil)
            }
            record.upTo = numbers
            (record.theirs, record.held) = (value, value)
        } else if let shown {
            if record.note == .unshown, record.ours.value?.isEmptyContent != true {
                record.theirs = .value(shown)
                record.note = record.ours.value.map { rules.isStored($0, as: shown, field) } == true ? nil : .drift
            }
            record.takeLost(shown, field, rules)
            record.takeSpelling(shown, field, rules)
            record.held = .value(shown)
        }
        fields[field.name] = record
    }

    /// A call of unknown fate: its values are in doubt until a call is acknowledged, or a report shows them.
    package mutating func lost(_ sent: Fields, of numbers: ByAttribute<Int64>) {
        for (name, value) in sent {
            var record = self[name]
            record.doubt = record.doubt.filter { $0 != value } + [value]
            fields[name] = record
        }
        doubtOf = numbers
        ownDate = .undated
    }

    /// Whether the record includes what is agreed on by a call: its row was planned from this record.
    package func includes(row id: Int64) -> Bool { id > rowsBefore }

    /// The same for the call of an outbox row. The numbers of a row that was planned from another record say nothing: the changes of a conversation
    /// that is written again are counted from 1.
    /// - Returns: the numbers that count.
    @discardableResult
    package mutating func lost(_ sent: Fields, of numbers: ByAttribute<Int64>, inRow id: Int64) -> ByAttribute<Int64> {
        let numbers = includes(row: id) ? numbers : .init(repeating: 0)
        lost(sent, of: numbers)
        return numbers
    }

    /// The meaning of a refusal for the row.
    package enum Refused: Sendable, Equatable {
        /// These members are refused; everything else is still due.
        case members(Set<String>)
        /// It is unknown which member was refused: they are sent separately.
        case apart
        /// Parts of the call are refused like the whole: no single member is the cause.
        case whole
    }

    /// The remote refuses a call because of its content.
    ///
    /// | refused                              | next                                                        |
    /// |--------------------------------------|-------------------------------------------------------------|
    /// | members that it names, or the only one | these are recorded as refused, and the rest is sent       |
    /// | several, none named                  | the status alone, then each member alone until one is refused |
    /// | then the status                      | everything else together                                    |
    /// | everything else as well              | no single member is the cause: the call as a whole is refused |
    /// | then another member                  | the cause is found: everything else together                |
    ///
    /// - Parameters:
    ///   - status: the field with the status value.
    ///   - numbers: those of the local changes that the row included: later changes at the remote are not in conflict with them.
    package mutating func refused(
        _ sent: Fields, naming named: Set<String>, of numbers: ByAttribute<Int64>, status: String?
    ) -> Refused {
        let refusedNames = named.intersection(sent.keys)
        let isOneMember = Set(sent.keys.map { $0.prefix { $0 != "." } }).count == 1
        if probesRest, refusedNames.isEmpty {
            probesRest = false
            probing = [:]
            if let status { retryRefused([status]) }
            return .whole
        }
        guard !refusedNames.isEmpty || isOneMember else {
            probing = sent
            return .apart
        }
        let members = refusedNames.isEmpty ? Set(sent.keys) : refusedNames
        let isSought = members.contains { probing[$0] != nil }
        refuse(members, of: sent)
        for name in members { fields[name]?.upTo = numbers }
        if isSought {
            probesRest = refusedNames.isEmpty && status.map { sent[$0] != nil } == true && !probing.isEmpty
            if !probesRest { probing = [:] }
        }
        return .members(members)
    }

    /// After a call was refused as a whole, a call with some of its members was accepted, as they were then: if only one member is left, it is the cause.
    /// - Returns: that member's fields; empty if several members are left, or none.
    package mutating func convict(after sent: Fields) -> Set<String> {
        guard sent.contains(where: { probing[$0.key] == $0.value }) else { return [] }
        let left = probing.filter { sent[$0.key] == nil }
        guard Set(left.keys.map { $0.prefix { $0 != "." } }).count == 1 else { return [] }
        let names = Set(left.keys)
        refuse(names, of: left)
        return names
    }

    /// Records that both sides are known to differ in these fields.
    package mutating func refuse(_ names: Set<String>, of sent: Fields) {
        for name in names {
            guard let value = sent[name] else { continue }
            var record = self[name]
            record.lost += record.doubt
            (record.ours, record.theirs, record.doubt, record.note) = (.value(value), record.held, [], .refused)
            fields[name] = record
        }
        probing = probing.filter { !names.contains($0.key) }
    }

    /// A member that was refused with its whole object is accepted beside another value: it is not known any more that the rest is to blame.
    private mutating func acquit(besides sent: Fields) {
        let accepted = sent.filter { self[$0.key].note == .refused && self[$0.key].ours == .value($0.value) }
        let objects = Set(accepted.keys.filter { $0.contains(".") }.map { $0.prefix { $0 != "." } })
        retryRefused(Set(fields.keys.filter { $0.contains(".") && objects.contains($0.prefix { $0 != "." }) && sent[$0] == nil }))
    }

    /// A person wants refused values to be sent once more.
    package mutating func retryRefused(_ names: Set<String>) {
        for name in names where self[name].note == .refused {
            var record = self[name]
            (record.ours, record.note) = (.never, nil)
            fields[name] = record
        }
    }

    /// A person released the row that was held because its value had been sent back too often.
    package mutating func releaseHold() {
        hold = nil
        isHoldSaid = false
        sendBacks = []
    }
}
