/// An instance's counts of its requests, recorded or not.
struct InstanceTally: Sendable {
    private var requests = 0
    private var outcomes: [RequestOutcome: Int] = [:]
    private var faults: [FaultRule.Kind: Int] = [:]
    private var statuses: [Int: Int] = [:]
    private var unanswered = 0
    private(set) var inFlight = 0
    private var maximumInFlight = 0
    private var maximumInFlightSameConversation = 0
    private var overlapping = 0
    private var inFlightByConversation: [ConversationKey: Int] = [:]

    /// Counts an arrival; returns how many other requests were in flight, in all and for the same conversation.
    mutating func arrive(_ conversation: ConversationKey?) -> (others: Int, sameConversation: Int) {
        let others = inFlight
        requests += 1
        inFlight += 1
        maximumInFlight = max(maximumInFlight, inFlight)
        guard let conversation else { return (others, 0) }
        let same = inFlightByConversation[conversation, default: 0]
        inFlightByConversation[conversation] = same + 1
        maximumInFlightSameConversation = max(maximumInFlightSameConversation, same + 1)
        if same > 0 { overlapping += 1 }
        return (others, same)
    }

    mutating func decide(outcome: RequestOutcome, fault: FaultRule.Kind?, status: Int?) {
        outcomes[outcome, default: 0] += 1
        if let fault { faults[fault, default: 0] += 1 }
        if let status { statuses[status, default: 0] += 1 }
    }

    mutating func finish(_ conversation: ConversationKey?, isAnswered: Bool) {
        inFlight -= 1
        if !isAnswered { unanswered += 1 }
        guard let conversation, let count = inFlightByConversation[conversation] else { return }
        inFlightByConversation[conversation] = count > 1 ? count - 1 : nil
    }

    /// Restarts the counts; requests in flight stay counted.
    mutating func clear() {
        var fresh = InstanceTally()
        fresh.inFlight = inFlight
        fresh.maximumInFlight = inFlight
        fresh.inFlightByConversation = inFlightByConversation
        self = fresh
    }

    private static func counts(_ pairs: [(String, Int)]) -> SandboxJSON {
        .object(Dictionary(pairs.map { ($0, .integer($1)) }, uniquingKeysWith: { first, _ in first }))
    }

    var summary: [String: SandboxJSON] {
        [
            "requests": .integer(requests),
            "outcomes": Self.counts(RequestOutcome.allCases.map { ($0.rawValue, outcomes[$0] ?? 0) }),
            "faults": Self.counts(faults.map { ($0.key.rawValue, $0.value) }),
            "statuses": Self.counts(statuses.map { (String($0.key), $0.value) }),
            "unanswered": .integer(unanswered),
            "in_flight": .integer(inFlight),
            "max_in_flight": .integer(maximumInFlight),
            "max_in_flight_same_conversation": .integer(maximumInFlightSameConversation),
            "overlapping_same_conversation": .integer(overlapping),
        ]
    }
}
