import SyncCore

/// The record of a link in the columns `fields` and `record` of `link_state`, two JSON objects. Members with their default value are left out.
extension LinkRecord {
    init(fields: String, record: String) {
        self.init(
            fields: Dictionary(uniqueKeysWithValues: JSONValue.object(column: fields).map { ($0.key, FieldRecord(column: $0.value)) }))
        let members = JSONValue.object(column: record)
        isKnown = members["known"] == true
        doubtOf = members["doubt_of"].flatMap(ByAttribute.init(column:))
        floor = LinkRecord.moment(members["floor"])
        ownDate =
            switch members["own_date"] {
            case nil: .noCall
            case .null?: .undated
            case let value?: LinkRecord.moment(value).map(OwnDate.date) ?? .undated
            }
        carried = Set(members["carried"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        former =
            switch members["former"] {
            case .object(let values)?: .values(Dictionary(uniqueKeysWithValues: values.map { ($0.key, KnownValue(column: $0.value)) }))
            case .string?: .anything
            default: .none
            }
        isSuspect = members["suspect"] == true
        if let date = LinkRecord.moment(members["older"]?["date"]) {
            older = Older(date: date, reads: Int(members["older"]?["reads"]?.integerValue ?? 1))
        }
        lastHeardAt = LinkRecord.moment(members["last_heard_at"])
        checkedAt = LinkRecord.moment(members["checked_at"])
        shownAt = LinkRecord.moment(members["shown_at"])
        heldDate = LinkRecord.moment(members["held_date"])
        heldSince = LinkRecord.moment(members["held_since"])
        customerWroteAt = LinkRecord.moment(members["customer_wrote_at"])
        sendBacks = (members["send_backs"]?.arrayValue ?? []).compactMap { item in
            LinkRecord.moment(item["at"]).map { SendBack(value: KnownValue(column: item["value"]), at: $0) }
        }
        isHoldSaid = members["hold_said"] == true
        hold = members["hold"].map { KnownValue(column: $0) }
        probing = members["probing"]?.objectValue ?? [:]
        probesRest = members["probes_rest"] == true
        lastMessageAt = LinkRecord.moment(members["last_message_at"])
        interactions = members["interactions"]?.integerValue
        hasHeldEnd = members["held_end"] == true
        forgottenAt = LinkRecord.moment(members["forgotten_at"])
        rowsBefore = members["rows_before"]?.integerValue ?? 0
        isMigrated = members["migrated"] == true
        events = members["events"].map { events in
            EventOrder(
                last: LinkRecord.event(events["last"]), status: LinkRecord.event(events["status"]),
                endedAt: LinkRecord.moment(events["ended_at"]))
        }
        if let assignee = members["taken_off"]?["assignee_id"]?.stringValue, let number = members["taken_off"]?["number"]?.integerValue {
            takenOff = TakenOff(assigneeID: assignee, number: number)
        }
    }

    var fieldsColumn: String {
        JSONValue.object(
            JSONObject(members: fields.compactMap { name, field in field.column.isEmpty ? nil : (name, .object(field.column)) })
        ).text
    }

    var recordColumn: String {
        var members: JSONObject = [:]
        if isKnown { members["known"] = true }
        members["doubt_of"] = doubtOf?.column
        members["floor"] = LinkRecord.column(floor)
        switch ownDate {
        case .noCall: break
        case .undated: members["own_date"] = .null
        case .date(let date): members["own_date"] = LinkRecord.column(date)
        }
        if !carried.isEmpty { members["carried"] = .array(carried.sorted().map(JSONValue.string)) }
        switch former {
        case .none: break
        case .anything: members["former"] = "anything"
        case .values(let values): members["former"] = .object(JSONObject(members: values.map { ($0.key, $0.value.column) }))
        }
        if isSuspect { members["suspect"] = true }
        if let older, let date = LinkRecord.column(older.date) {
            members["older"] = ["date": date, "reads": .integer(Int64(older.reads))]
        }
        members["last_heard_at"] = LinkRecord.column(lastHeardAt)
        members["checked_at"] = LinkRecord.column(checkedAt)
        members["shown_at"] = LinkRecord.column(shownAt)
        members["held_date"] = LinkRecord.column(heldDate)
        members["held_since"] = LinkRecord.column(heldSince)
        members["customer_wrote_at"] = LinkRecord.column(customerWroteAt)
        if !sendBacks.isEmpty {
            members["send_backs"] = .array(sendBacks.map { ["value": $0.value.column, "at": LinkRecord.column($0.at) ?? .null] })
        }
        members["hold"] = hold?.column
        if isHoldSaid { members["hold_said"] = true }
        if !probing.isEmpty { members["probing"] = .object(probing) }
        if probesRest { members["probes_rest"] = true }
        members["last_message_at"] = LinkRecord.column(lastMessageAt)
        members["interactions"] = interactions.map(JSONValue.integer)
        if hasHeldEnd { members["held_end"] = true }
        members["forgotten_at"] = LinkRecord.column(forgottenAt)
        if rowsBefore > 0 { members["rows_before"] = .integer(rowsBefore) }
        if isMigrated { members["migrated"] = true }
        if let events {
            var order: JSONObject = [:]
            order["last"] = LinkRecord.column(events.last)
            order["status"] = LinkRecord.column(events.status)
            order["ended_at"] = LinkRecord.column(events.endedAt)
            members["events"] = .object(order)
        }
        if let takenOff { members["taken_off"] = ["assignee_id": .string(takenOff.assigneeID), "number": .integer(takenOff.number)] }
        return JSONValue.object(members).text
    }

    private static func event(_ value: JSONValue?) -> EventOrder.Event? {
        guard let word = value?["word"]?.stringValue, let at = moment(value?["at"]) else { return nil }
        return .init(word: word, at: at)
    }

    private static func column(_ event: EventOrder.Event?) -> JSONValue? {
        event.map { ["word": .string($0.word), "at": .string($0.at.iso8601)] }
    }

    private static func moment(_ value: JSONValue?) -> Instant? { value?.stringValue.flatMap(Instant.init(iso8601:)) }
    private static func column(_ moment: Instant?) -> JSONValue? { moment.map { .string($0.iso8601) } }
}

extension FieldRecord {
    fileprivate init(column: JSONValue) {
        self.init(
            upTo: column["upto"].flatMap(ByAttribute.init(column:)) ?? .init(repeating: -1),
            ours: column["silent"] == true ? .noStatement : column["ours"].map(KnownValue.value) ?? .never,
            theirs: column["theirs"].map(KnownValue.value) ?? .never, held: column["held"].map(KnownValue.value) ?? .never,
            doubt: column["doubt"]?.arrayValue ?? [], isByUs: column["by_us"] == true,
            note: column["note"]?.stringValue.flatMap(Note.init(rawValue:)))
        lost = column["lost"]?.arrayValue ?? []
    }

    fileprivate var column: JSONObject {
        var members: JSONObject = [:]
        if upTo != .init(repeating: -1) { members["upto"] = upTo.column }
        members["ours"] = ours.value
        if ours == .noStatement { members["silent"] = true }
        members["theirs"] = theirs.value
        members["held"] = held.value
        if !doubt.isEmpty { members["doubt"] = .array(doubt) }
        if !lost.isEmpty { members["lost"] = .array(lost) }
        if isByUs { members["by_us"] = true }
        members["note"] = note.map { .string($0.rawValue) }
        return members
    }
}

extension KnownValue {
    /// `[value]`, or an empty array if nothing is known, because null is a value.
    fileprivate init(column: JSONValue?) {
        self = column?.arrayValue?.first.map(KnownValue.value) ?? .never
    }

    fileprivate var column: JSONValue { .array(value.map { [$0] } ?? []) }
}

extension ByAttribute<Int64> {
    /// `[status, assignee, title]`.
    init?(column: JSONValue) {
        guard let numbers = column.arrayValue?.compactMap(\.integerValue), numbers.count == 3 else { return nil }
        self.init(status: numbers[0], assignee: numbers[1], title: numbers[2])
    }

    /// The column `outbox.local_numbers`. Nil for NULL and for a value that this program did not write.
    init?(stored text: String?) {
        // The column is written by this program; an unreadable value is treated like missing numbers.
        guard let text, let value = try? JSONValue(stored: text) else { return nil }
        self.init(column: value)
    }

    var column: JSONValue { .array([.integer(status), .integer(assignee), .integer(title)]) }
}
