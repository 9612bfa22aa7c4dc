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

    var disabled: RemoteParticipation { with { $0.isEnabled = false } }
}

/// A remote simple enough to see through: it takes status and title, and the remote's id of the assignee.
enum Scripted {
    /// A link with this id is refused.
    static let refusedID = "refused"

    static func decide(_ snapshot: LinkSnapshot) -> PlanDecision {
        let placeholder = OutboundCall(operation: "update", method: "PATCH", path: "/", body: [:])
        let conversation = snapshot.conversation
        var wanted: Fields = ["status": .string(conversation.status.rawValue), "title": .nullable(conversation.title)]
        wanted["user_id"] = snapshot.knowledge.remoteAssigneeID.map(JSONValue.string)
        let delta = Delta(wanted: wanted, base: snapshot.knowledge.base, inDoubt: snapshot.knowledge.inDoubt)
        guard !delta.isEmpty else { return .upToDate(omissions: []) }
        if let problem = snapshot.linkProblem { return .refuse(placeholder, problem) }
        if snapshot.link.remoteID == refusedID { return .refuse(placeholder, Refusal("links.remote_id is refused")) }
        let path = "/\(snapshot.remote)/\(snapshot.link.agentID ?? "")/\(snapshot.link.remoteID)"
        return .send(
            PlannedCall(
                call: OutboundCall(operation: "update", method: "PATCH", path: path, body: .object(delta.fields)), delta: delta,
                finishes: snapshot.knowledge.base["status"] == "open" && (delta.fields["status"] ?? "open") != "open"))
    }

    /// Needs a user, and moves a taken timestamp on as fin's adapter does.
    static func decideMessage(_ snapshot: MessageSnapshot) -> PlanDecision {
        let placeholder = OutboundCall(operation: "reply", method: "POST", path: "/reply", body: [:])
        let message: Message
        switch snapshot.message {
        case .success(let parsed): message = parsed
        case .failure(let refusal): return .refuse(placeholder, refusal)
        }
        guard snapshot.user != nil else { return .refuse(placeholder, Refusal("no user")) }
        let timestamp = snapshot.takenTimestamps.free(message.createdAt)
        let body: JSONValue = ["message": ["body": .nullable(message.body), "timestamp": .string(timestamp)]]
        return .send(
            PlannedCall(call: OutboundCall(operation: "reply", method: "POST", path: "/reply", body: body), delta: nil))
    }
}
