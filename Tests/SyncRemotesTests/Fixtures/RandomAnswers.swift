import Fixtures
import SyncCore
import SyncRemotes

extension SeededGenerator {
    /// A conversation in the documented form, and the observation that it stands for.
    mutating func conversation(_ kind: Kind) -> (object: JSONObject, observation: Observation) {
        var object: JSONObject = [kind == .vg ? "ID" : "id": .integer(Int64.random(in: 0...9_999, using: &self))]
        var observation = Observation()
        if chance(90) {
            let word = pick("open", "done", "to-do", "in-progress", "ended_chat", "completed", "something-new", "Ä")
            object[kind == .vg ? "state" : "status"] = .string(word)
            observation.word = word
        }
        let moment = Instant(milliseconds: Int64.random(in: 1_000_000_000...4_000_000_000, using: &self) * 1000)
        switch kind.name {
        case "voicebot":
            observation.assignee = assignee(digits: true)
            switch observation.assignee {
            case .unknown: break
            case .nobody: object["user"] = .null
            case .somebody(let id): object["user"] = ["id": Int64(id).map(JSONValue.integer) ?? .null, "name": "Jane Example"]
            }
            if chance(50) {
                observation.lastUserMessageAt = moment
                object["last_customer_reply_from"] = .string(moment.iso8601)
            }
        case "vg":
            observation.assignee = assignee(digits: false)
            switch observation.assignee {
            case .unknown: break
            case .nobody: object["chatAssignedTo"] = pick(.null, "")
            case .somebody(let id): object["chatAssignedTo"] = .string(id)
            }
            if chance(80) {
                observation.changedAt = moment
                object["lastModified"] = .integer(chance(80) ? moment.milliseconds / 1000 : moment.milliseconds)
            }
        default:
            object["assignee"] = pick(.null, ["alias_name": "Support Jane"])
            if chance(80) {
                observation.changedAt = moment
                object["updated_at"] = .string(moment.iso8601)
            }
        }
        if kind != .voicebot, chance(70) {
            observation.title = pick("", "Pricing", "\"quoted\"\n")
            object["title"] = .nullable(observation.title)
        }
        if kind != .voicebot, chance(70) {
            let tags = (0..<Int.random(in: 0...3, using: &self)).map { _ in pick("a", "b", "é") }
            observation.tags = tags
            object["tags"] = .array(tags.map(JSONValue.string))
        }
        return (object, observation)
    }

    private mutating func assignee(digits: Bool) -> Observation.Assignee {
        if chance(20) { return .unknown }
        if chance(30) { return .nobody }
        return .somebody((digits ? "" : "client_") + String(Int.random(in: 0...99, using: &self)))
    }

    /// Any JSON value, with the relevant members more often than others.
    mutating func answer(depth: Int) -> JSONValue {
        let names = [
            "data", "id", "ID", "status", "state", "user", "chatAssignedTo", "tags", "title", "lastModified", "updated_at", "links",
            "next", "nextCursor", "hasMore", "meta", "current_page", "convos", "error", "success", "message", "errors", "created_at_ms",
            "latest_customer_message", "sent_at", "last_customer_reply_from",
        ]
        if depth < 4, depth == 0 || chance(45) {
            if depth > 0, chance(40) { return .array((0..<Int.random(in: 0...3, using: &self)).map { _ in answer(depth: depth + 1) }) }
            var object: JSONObject = [:]
            for _ in 0..<Int.random(in: 0...8, using: &self) {
                if let name = names.randomElement(using: &self) { object[name] = answer(depth: depth + 1) }
            }
            return .object(object)
        }
        return oddValues.randomElement(using: &self) ?? .null
    }
}

/// Numbers, texts and times at the limits of what can be read.
private let oddValues: [JSONValue] = {
    let decimals = ["1e120", "-0.0000001", "1737712880.25", "1e-120"].compactMap { try? JSONValue(text: $0) }
    let texts = [
        "", "open", "completed", "7", "2026-01-02T10:00:00Z", "9999-12-31T23:59:59.999Z", "0000-00-00T00:00:00Z",
        "https://evil.example.com/?page=3", String(repeating: "x", count: 3000),
    ]
    return [.null, true, false, .integer(.min), .integer(.max), -1, 0, 1, 100_000_000_001, 1_737_712_880] + decimals
        + texts.map(JSONValue.string)
}()
