import SyncCore

@testable import SyncStore

extension RemoteParticipation {
    static let voicebot = RemoteParticipation(
        name: "voicebot", kind: "voicebot", needsLink: true, isPushedAtEndOfRun: false, receivesMessages: false, isEnabled: true,
        defaultAgent: nil, fingerprint: "v1")
    static let vg = RemoteParticipation(
        name: "vg", kind: "vg", needsLink: true, isPushedAtEndOfRun: false, receivesMessages: false, isEnabled: true,
        defaultAgent: "agent9", fingerprint: "g1")
    static let helpdesk = RemoteParticipation(
        name: "helpdesk", kind: "helpdesk", needsLink: false, isPushedAtEndOfRun: true, receivesMessages: false, isEnabled: true,
        defaultAgent: nil, fingerprint: "h1")
    static let fin = RemoteParticipation(
        name: "fin", kind: "fin", needsLink: false, isPushedAtEndOfRun: false, receivesMessages: true, isEnabled: true,
        defaultAgent: nil, fingerprint: "f1")

    func with(_ change: (inout RemoteParticipation) -> Void) -> RemoteParticipation {
        var copy = self
        change(&copy)
        return copy
    }

    /// The same as from a configuration.
    static func named(_ name: String) -> RemoteParticipation {
        [.voicebot, .helpdesk, .fin].first { $0.name == name } ?? vg.with { $0.name = name }
    }

    var disabled: RemoteParticipation { with { $0.isEnabled = false } }
}

/// A simple remote: it takes status and title, and the remote's id of the assignee, and its status values are the local ones.
struct Scripted: LinkDecisions {
    /// A link with this id is refused.
    static let refusedID = "refused"

    private static func rules(_ snapshot: LinkSnapshot) -> TwoWayRules {
        let words = LocalStatus.allCases.map { ($0.rawValue, InboundMap.Cell.state($0, .unchanged)) }
        let lens = StatusLens(
            outbound: StatusMap { .word($0.status.rawValue) }, inbound: InboundMap(Dictionary(uniqueKeysWithValues: words)))
        let seats = TwoWayRules.Seats(Fields(members: snapshot.seats.map { ($0.assigneeID, .string($0.remoteUserID)) }))
        return TwoWayRules(
            fields: [.init("status", .status), .init("user_id", .user), .init("title", .title)], lens: lens,
            policy: .init(fields: [.status, .title], reopening: .message), seats: seats, aiAssignees: [], aiAssignee: nil,
            unknownAssignee: "unknown",
            isEventStream: snapshot.remote == "fin", areEndsHeld: snapshot.areEndsHeld
        ) { values in
            var image: Fields = ["status": .string(values.status.rawValue), "title": .nullable(values.title)]
            let user = seats.user(of: values.assigneeID)
            if user != .null { image["user_id"] = user }
            return image
        }
    }

    private static func outcome(_ decision: TwoWayDecision, _ snapshot: LinkSnapshot, _ reception: LinkRecord.Reception?) -> TwoWayOutcome {
        var changes = Verdict.Changes()
        let moved = decision.local.values.difference(from: snapshot.local.values)
        if moved.contains(.status) { changes.status = decision.local.values.status }
        if moved.contains(.assignee) { changes.assigneeID = .some(decision.local.values.assigneeID) }
        if moved.contains(.title) { changes.title = decision.local.values.title }
        let isUnmapped = decision.findings.contains(.init(.notUnderstood, .status))
        let kind: Verdict.Kind =
            switch reception {
            case .overtaken?, .stale?: .stale
            case .readAgain?: .readAgain
            case .rolledBack?: .rolledBack
            case .believed?, nil: isUnmapped ? .unmapped : changes.isEmpty ? .unchanged : .adopted
            }
        var verdict = Verdict(kind: kind, rule: "scripted", word: decision.link["status"].held.value?.stringValue)
        verdict.changes = changes
        verdict.mustPlan = !decision.send.isEmpty
        verdict.mustRead = decision.link.mustRead(after: reception, now: snapshot.now)
        return TwoWayOutcome(
            record: decision.link, changes: changes, changedAt: moved.map { decision.local.changedAt[$0] }.max() ?? snapshot.now,
            numbers: decision.local.numbers, verdict: verdict)
    }

    func plan(_ snapshot: LinkSnapshot) -> LinkPlan { Scripted.decide(snapshot) }

    func reconcile(_ observation: Observation, began: Instant, _ snapshot: LinkSnapshot) -> TwoWayOutcome {
        let rules = Scripted.rules(snapshot)
        var record = snapshot.record
        record.begin(rules, snapshot.local)
        var values: Fields = [:]
        values["status"] = observation.word.map(JSONValue.string)
        values["title"] = observation.title.map(JSONValue.string)
        if case .somebody(let id) = observation.assignee { values["user_id"] = .string(id) }
        let reception = record.take(FieldReport(values: values, date: observation.changedAt, began: began), rules, now: snapshot.now)
        let decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now, isConfirmed: reception == .believed)
        return Scripted.outcome(decision, snapshot, reception)
    }

    func acknowledge(
        _ sent: Fields, _ response: Observation?, began: Instant, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> TwoWayOutcome {
        let rules = Scripted.rules(snapshot)
        var record = snapshot.record
        record.begin(rules, snapshot.local)
        var values: Fields = [:]
        values["status"] = response?.word.map(JSONValue.string)
        _ = record.acknowledged(
            .init(sent: sent, shown: FieldReport(values: values, date: response?.changedAt, began: began)), of: numbers, rules,
            now: snapshot.now)
        return Scripted.outcome(TwoWayDecision(record, snapshot.local, rules, now: snapshot.now), snapshot, nil)
    }

    func refused(
        _ sent: Fields, naming named: Set<String>, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> (record: LinkRecord, refused: LinkRecord.Refused) {
        var record = snapshot.record
        let refused = record.refused(sent, naming: named, of: numbers, status: "status")
        return (record, refused)
    }

    static func decide(_ snapshot: LinkSnapshot) -> LinkPlan {
        let rules = rules(snapshot)
        var record = snapshot.record
        record.begin(rules, snapshot.local)
        let decision = TwoWayDecision(record, snapshot.local, rules, now: snapshot.now)
        let planned = planDecision(
            decision.send, snapshot, finishes: record.likely("status") == "open" && (decision.send["status"] ?? "open") != "open")
        return LinkPlan(decision: planned, outcome: outcome(decision, snapshot, nil))
    }

    private static func planDecision(_ send: Fields, _ snapshot: LinkSnapshot, finishes: Bool) -> PlanDecision {
        let placeholder = OutboundCall(operation: "update", method: "PATCH", path: "/", body: [:])
        guard !send.isEmpty else { return .upToDate(omissions: []) }
        if let problem = snapshot.linkProblem { return .refuse(placeholder, problem) }
        if snapshot.link.remoteID == refusedID { return .refuse(placeholder, Unsendable("links.remote_id is refused")) }
        let path = "/\(snapshot.remote)/\(snapshot.link.agentID ?? "")/\(snapshot.link.remoteID)"
        return .send(
            PlannedCall(
                call: OutboundCall(operation: "update", method: "PATCH", path: path, body: .object(send)), delta: Delta(fields: send),
                finishes: finishes))
    }

    /// Needs a user, and moves a taken timestamp on as Fin's adapter does.
    static func decideMessage(_ snapshot: MessageSnapshot) -> PlanDecision {
        let placeholder = OutboundCall(operation: "reply", method: "POST", path: "/reply", body: [:])
        let message: Message
        switch snapshot.message {
        case .success(let parsed): message = parsed
        case .failure(let refusal): return .refuse(placeholder, refusal)
        }
        guard let user = snapshot.user else { return .refuse(placeholder, Unsendable("no user")) }
        guard let timestamp = snapshot.takenTimestamps.free(message.createdAt) else {
            return .refuse(placeholder, Unsendable("no free timestamp"))
        }
        var person: JSONObject = ["id": .string(user.id)]
        person["name"] = user.name.map(JSONValue.string)
        person["email"] = user.email.map(JSONValue.string)
        if let attributes = user.attributes, !attributes.isEmpty { person["attributes"] = .object(attributes) }
        var body: JSONObject = [
            "message": ["body": .nullable(message.body), "timestamp": .string(timestamp)], "user": .object(person),
        ]
        if !message.attachments.isEmpty { body["attachments"] = .array(message.attachments) }
        return .send(
            PlannedCall(call: OutboundCall(operation: "reply", method: "POST", path: "/reply", body: .object(body)), delta: nil))
    }
}
