/// Observations as remote fields, and back: what a remote reports is kept by the names under which it is sent.
extension Reading {
    /// The reported fields by the remote's names; what was not reported is missing.
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

    /// What a read or a response says, for the rule of both ways.
    /// - Parameter now: nobody has written later than that, whatever the remote's clock says.
    package func report(_ observation: Observation, began: Instant, now: Instant) -> FieldReport {
        FieldReport(
            values: seenFields(observation), date: observation.changedAt, began: began,
            customerWroteAt: observation.lastUserMessageAt.map { min($0, now) },
            lastMessageAt: observation.lastMessageAt.map { min($0, now) }, interactions: observation.interactions)
    }
}

extension Adapter {
    /// The fields of a row of a list that say something else than what is known, as far as the configuration wants to hear of them.
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
