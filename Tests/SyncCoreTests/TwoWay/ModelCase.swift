import SyncCore

/// One recorded step of the executable model of the rule, in the model's own notation (TwoWay/cases.jsonl).
///
/// Times are whole seconds, -1 stands for "never", `<never>`, `<nothing>` and `<no>` for the values with these names.
struct ModelCase {
    let text: String
    private let members: JSONValue

    init(_ line: Substring) throws {
        text = String(line)
        members = try JSONValue(text: text)
    }

    subscript(_ name: String) -> JSONValue { members[name] ?? .null }

    var operation: String { self["op"].stringValue ?? "" }
    var now: Instant { ModelCase.instant(self["now"]) ?? Instant(milliseconds: 0) }
    var link: LinkRecord { link(self["l"]) }
    var expectedLink: LinkRecord { link(self["ol"]) }
    var local: LocalRow { ModelCase.row(self["r"]) }
    var sent: Fields { self["s"].objectValue ?? [:] }
    var report: FieldReport {
        FieldReport(
            values: self["v"].objectValue ?? [:], date: ModelCase.instant(self["d"]), began: ModelCase.instant(self["b"]) ?? now,
            customerWroteAt: ModelCase.instant(self["cu"]))
    }
    var acknowledgement: LinkRecord.Acknowledgement {
        .init(
            sent: sent,
            shown: FieldReport(
                values: self["v"].objectValue ?? [:], date: ModelCase.instant(self["d"]), began: ModelCase.instant(self["b"]) ?? now))
    }
    var findings: [String] {
        (self["o"].arrayValue ?? []).map { "\($0.arrayValue?[0].stringValue ?? "")/\($0.arrayValue?[1].integerValue ?? -1)" }
    }

    var rules: TwoWayRules {
        let configuration = self["c"].arrayValue ?? []
        let adopt = configuration[3].arrayValue?.compactMap { $0.stringValue.flatMap(AdoptionPolicy.Field.init(rawValue:)) } ?? []
        let policy = AdoptionPolicy(
            fields: Set(adopt), conflict: .init(rawValue: configuration[1].stringValue ?? "") ?? .newest,
            reopening: .init(rawValue: configuration[2].stringValue ?? "") ?? .message)
        return (TwoWayKind.named[configuration[0].stringValue ?? ""] ?? .helpdesk).rules(policy)
    }

    // MARK: Reading

    private static func instant(_ value: JSONValue) -> Instant? {
        value.integerValue.flatMap { $0 < 0 ? nil : Instant(milliseconds: $0 * 1000) }
    }

    private static func known(_ value: JSONValue) -> KnownValue {
        switch value {
        case "<never>": .never
        case "<nothing>": .noStatement
        default: .value(value)
        }
    }

    private static func numbers(_ value: JSONValue) -> ByAttribute<Int64> {
        let numbers = value.arrayValue?.compactMap(\.integerValue) ?? []
        return ByAttribute(status: numbers[0], assignee: numbers[1], title: numbers[2])
    }

    static func row(_ value: JSONValue) -> LocalRow {
        let parts = value.arrayValue ?? []
        let values = parts[0].arrayValue ?? []
        let at = numbers(parts[1])
        return LocalRow(
            LocalValues(
                status: values[0].stringValue.flatMap(LocalStatus.init(rawValue:)) ?? .open, assigneeID: values[1].stringValue,
                title: values[2].stringValue),
            changedAt: ByAttribute(
                status: Instant(milliseconds: at.status * 1000), assignee: Instant(milliseconds: at.assignee * 1000),
                title: Instant(milliseconds: at.title * 1000)), numbers: numbers(parts[2]), customerWroteAt: instant(parts[3]))
    }

    private func link(_ value: JSONValue) -> LinkRecord {
        var link = LinkRecord()
        for (field, parts) in zip(rules.fields, value["f"]?.arrayValue ?? []) {
            let parts = parts.arrayValue ?? []
            link.fields[field.name] = FieldRecord(
                upTo: ModelCase.numbers(parts[0]), ours: ModelCase.known(parts[1]), theirs: ModelCase.known(parts[2]),
                held: ModelCase.known(parts[3]), doubt: parts[4].arrayValue ?? [], isByUs: parts[5].boolValue ?? false,
                note: parts[6].stringValue.flatMap(FieldRecord.Note.init(rawValue:)))
        }
        link.isKnown = value["k"]?.boolValue ?? false
        link.doubtOf = value["do"].flatMap { $0 == .null ? nil : ModelCase.numbers($0) }
        link.floor = value["fl"].flatMap(ModelCase.instant)
        link.ownDate = value["od"] == .null ? .undated : value["od"].flatMap(ModelCase.instant).map(LinkRecord.OwnDate.date) ?? .noCall
        link.carried = Set(value["ca"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        if let former = value["fo"]?.objectValue {
            link.former =
                former.keys.contains("")
                ? .anything : .values(Dictionary(uniqueKeysWithValues: former.map { ($0.key, ModelCase.known($0.value)) }))
        }
        link.isSuspect = value["su"]?.boolValue ?? false
        let older = value["ol"]?.arrayValue ?? []
        link.older = ModelCase.instant(older[0]).map { .init(date: $0, reads: Int(older[1].integerValue ?? 0)) }
        link.lastHeardAt = value["la"].flatMap(ModelCase.instant)
        link.checkedAt = value["ch"].flatMap(ModelCase.instant)
        link.heldDate = value["hd"].flatMap(ModelCase.instant)
        link.customerWroteAt = value["cu"].flatMap(ModelCase.instant)
        link.sendBacks = (value["an"]?.arrayValue ?? []).compactMap { pair in
            guard let pair = pair.arrayValue, let at = ModelCase.instant(pair[1]) else { return nil }
            return .init(value: ModelCase.known(pair[0]), at: at)
        }
        link.hold = value["ho"] == "<no>" ? nil : value["ho"].map(ModelCase.known)
        return link
    }
}
