extension LinkRecord {
    /// The columns in which a former version stored a link: one value per field for what the remote acknowledged, and one for its last
    /// reported value.
    package struct FormerColumns: Sendable {
        package var base: Fields
        package var seen: Fields
        package var inDoubt: Fields
        package var acknowledgedAt: Instant?
        package var seenAt: Instant?
        /// The remote's own date of the reported value.
        package var seenVersion: Instant?

        package init(
            base: Fields = [:], seen: Fields = [:], inDoubt: Fields = [:], acknowledgedAt: Instant? = nil, seenAt: Instant? = nil,
            seenVersion: Instant? = nil
        ) {
            self.base = base
            self.seen = seen
            self.inDoubt = inDoubt
            self.acknowledgedAt = acknowledgedAt
            self.seenAt = seenAt
            self.seenVersion = seenVersion
        }
    }

    /// The record of a link from the columns of a former version; ``begin(_:_:)`` completes it with the image of the local row.
    package init(_ former: FormerColumns) {
        let isKnown = former.acknowledgedAt != nil
        var fields: [String: FieldRecord] = [:]
        for name in Set(former.base.keys).union(former.seen.keys).union(former.inDoubt.keys) {
            let base = former.base[name].map(KnownValue.value)
            let theirs = (former.seen[name].map(KnownValue.value) ?? base) ?? (isKnown ? .value(.null) : .never)
            fields[name] = FieldRecord(
                ours: base ?? .never, theirs: theirs, held: theirs, doubt: former.inDoubt[name].map { [$0] } ?? [],
                isByUs: base != nil && base != .value(.null) && theirs == base, note: base == nil || theirs == base ? nil : .drift)
        }
        self.init(fields: fields)
        self.isKnown = isKnown
        doubtOf = former.inDoubt.isEmpty ? nil : .init(repeating: 0)
        floor = former.seenVersion
        heldDate = former.seenVersion
        lastHeardAt = [former.acknowledgedAt, former.seenAt].compactMap { $0 }.max()
        checkedAt = former.seenAt ?? former.acknowledgedAt
        isMigrated = true
    }

    /// Completes the parts of the record that depend on the remote and the local row, before anything is decided.
    package mutating func begin(_ rules: TwoWayRules, _ local: LocalRow) {
        if rules.isEventStream, !isKnown { beginEvents(rules, local) }
        guard isMigrated else { return }
        let image = rules.image(local.values)
        for field in rules.fields {
            var record = self[field.name]
            let wanted = rules.known(image, field.name)
            // A user who was assigned at the remote was never acknowledged: that is not a reason to overwrite the assignment.
            if isKnown, field.role == .user, record.ours == .never, record.held != .never { record.ours = wanted }
            if isKnown, field.role != .plain, record.theirs == .never { (record.theirs, record.held) = (.value(.null), .value(.null)) }
            let isSettled = isKnown && record.ours == wanted && record.doubt.isEmpty
            record.upTo = isSettled ? local.numbers : .init(repeating: 0)
            fields[field.name] = record
        }
        isMigrated = false
    }

    /// A remote that is sent no state has no first contact.
    private mutating func beginEvents(_ rules: TwoWayRules, _ local: LocalRow) {
        isKnown = true
        for field in rules.fields {
            var record = self[field.name]
            // The values that the row was created with are not a competing change.
            record.upTo = isMigrated ? local.numbers : .init(repeating: LocalRow.firstNumber)
            if isMigrated, field.role == .status, let word = record.held.value?.stringValue, let floor {
                events = EventOrder(last: .init(word: word, at: floor)).completed(by: rules.lens.inbound)
            }
            fields[field.name] = record
        }
        isMigrated = false
    }
}
