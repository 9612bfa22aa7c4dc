/// Converts observations to remote fields: reported values are stored under the names that calls use.
extension Reading {
    /// The reported fields by the remote's names; a field that was not reported is missing.
    package func seenFields(_ observation: Observation) -> Fields {
        var fields: Fields = [:]
        if let statusField { fields[statusField] = observation.word.map(JSONValue.string) }
        if let assigneeField {
            switch observation.assignee {
            case .unknown: break
            case .nobody: fields[assigneeField] = .null
            case .somebody(let id): fields[assigneeField] = assigneeValue(id)
            }
        }
        fields["title"] = observation.title.map(JSONValue.string)
        fields["tags"] = observation.tags.map { .array($0.map(JSONValue.string)) }
        return fields
    }

    /// The content of a read or a response, as input of the two-way rules.
    /// - Parameter now: the remote's dates of messages that are too far ahead of this are none (``LocalRow/latestMessage(at:)``).
    package func report(_ observation: Observation, began: Instant, now: Instant) -> FieldReport {
        let latest = LocalRow.latestMessage(at: now)
        return FieldReport(
            values: seenFields(observation), date: observation.changedAt, began: began,
            customerWroteAt: observation.lastUserMessageAt.flatMap { $0 <= latest ? $0 : nil },
            lastMessageAt: observation.lastMessageAt.flatMap { $0 <= latest ? $0 : nil }, interactions: observation.interactions)
    }
}

extension Adapter {
    /// The fields of a list row that differ from what is known, limited to the fields that the configuration adopts.
    package func news(in observation: Observation, knowing record: LinkRecord) -> Set<String> {
        var news: Set<String> = []
        for (field, value) in seenFields(observation) where isAdopted(field) {
            let held = record[field].held
            if field == statusField, let known = held.value?.stringValue, let word = value.stringValue {
                if !profile.inboundMap.meanSame(known, word) { news.insert(field) }
            } else if held != .value(value), !(held == .never && value == .null) {
                news.insert(field)
            }
        }
        return news
    }

    private func isAdopted(_ field: String) -> Bool {
        switch field {
        case "title": profile.adoption.fields.contains(.title)
        case "tags": profile.adoption.fields.contains(.tags)
        default: profile.adoption.fields.contains(.status)
        }
    }
}
