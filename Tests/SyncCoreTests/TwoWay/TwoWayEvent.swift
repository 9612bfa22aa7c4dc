@testable import SyncCore

/// Everything that can happen in a ``TwoWayWorld``, as values that a failing test can print.
enum TwoWayEvent: Sendable, CustomStringConvertible {
    case here(LocalAttribute, String?)
    case there(Int, Fields)
    case customerWrites
    case read(Int)
    case readLagging(Int)
    case call(Int, TwoWayWorld.Fate)
    case refusal(Int, String)

    var description: String {
        switch self {
        case .here(let attribute, let value): "\(attribute) = \(value ?? "NULL")"
        case .there(let index, let fields): "\(index): \(JSONValue.object(fields).text)"
        case .customerWrites: "the customer writes"
        case .read(let index): "read \(index)"
        case .readLagging(let index): "read \(index), lagging"
        case .call(let index, let fate): "call \(index) \(fate.rawValue)"
        case .refusal(let index, let name): "call \(index), \(name) refused"
        }
    }
}

extension TwoWayWorld {
    /// - Returns: whether it was possible.
    @discardableResult mutating func happen(_ event: TwoWayEvent) -> Bool {
        switch event {
        case .here(let attribute, let value): return act(attribute, value)
        case .there(let index, let fields): return act(at: index, fields)
        case .customerWrites:
            customerWrites()
            return true
        case .read(let index): return read(index)
        case .readLagging(let index): return readLagging(index)
        case .call(let index, let fate): return deliver(index, fate)
        case .refusal(let index, let name): return deliver(index, refusing: name)
        }
    }
}

/// The events that histories are made of.
enum TwoWayAlphabet {
    static let here: [TwoWayEvent] =
        ["closed", "ended", "open"].map { .here(.status, $0) } + ["anna", "bert", nil, TwoWayKind.ai].map { .here(.assignee, $0) }

    static let voicebot: [Fields] = [
        ["word": "done"], ["word": "in-progress"], ["word": "to-do"], ["word": "to-do", "user": .null], ["user": 77], ["user": 78],
        ["user": 99],
        ["user": .null], ["word": "snoozed"], ["word": "done", "user": 78],
    ]
    static let vg: [Fields] = [
        ["word": "ended_chat"], ["word": "completed"], ["word": "human-chatting"], ["word": "human-chatting", "user": "c_anna"],
        ["title": "T"], ["word": "human-chatting", "user": "c_bert"], ["word": "requested_chat", "user": .null], ["word": "ai-chatting"],
        ["user": "c_zoe"], ["word": "on-hold"],
    ]
    static let helpdesk: [Fields] = [
        ["word": "open"], ["word": "resolved"], ["word": "closed"], ["word": "ended"], ["title": "T"], ["title": "U"],
    ]

    static func there(_ kind: TwoWayKind) -> [Fields] { kind.name == "voicebot" ? voicebot : kind.name == "helpdesk" ? helpdesk : vg }

    /// Everything that can happen to one remote and the row.
    static func all(_ kind: TwoWayKind) -> [TwoWayEvent] {
        let refused = kind.name == "voicebot" ? "user" : kind.name == "helpdesk" ? "assignee" : "title"
        let titles: [TwoWayEvent] = kind.name == "voicebot" ? [] : [.here(.title, "A")]
        return here + titles + there(kind).map { .there(0, $0) } + [.read(0), .readLagging(0), .customerWrites, .refusal(0, refused)]
            + TwoWayWorld.Fate.allCases.map { .call(0, $0) }
    }

    static let rows = [
        LocalValues(status: .open, assigneeID: TwoWayKind.ai), LocalValues(status: .open, assigneeID: "anna", title: "A"),
        LocalValues(status: .ended, assigneeID: "anna"),
    ]

    static let storedForms: [@Sendable (String) -> String] = [
        { $0 }, { $0.replacing("&", with: "&amp;") }, { String($0.prefix(3)) }, { $0.uppercased() },
    ]
}
