import SyncCore

/// Observations as remote fields, and back: what a remote reports is kept by the names under which it is sent.
extension RemoteReading {
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

    /// Who answers, according to fields that are known.
    package func knownAssignee(in fields: Fields) -> Observation.Assignee {
        guard let assigneeField, let value = fields[assigneeField] else { return .unknown }
        switch value {
        case .null: return .nobody
        case .string(let id): return .somebody(id)
        case .integer(let id): return .somebody(String(id))
        default: return .unknown
        }
    }
}

extension RemoteAdapter {
    /// The fields of a report that say something else than what is known, as far as the configuration wants to hear of them.
    package func news(in observation: Observation, knowing knowledge: RemoteKnowledge) -> Set<String> {
        var news: Set<String> = []
        for (field, value) in seenFields(observation) where isAdopted(field) {
            let known = knowledge.seen[field] ?? knowledge.base[field]
            if field == statusField, let known = known?.stringValue, let word = value.stringValue {
                if !profile.inboundMap.meanSame(known, word) { news.insert(field) }
            } else if known != value, !(known == nil && value == .null) {
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
