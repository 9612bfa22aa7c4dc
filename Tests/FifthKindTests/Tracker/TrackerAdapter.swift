import SyncCore

struct TrackerAdapter: Adapter {
    let profile: Profile

    init(_ profile: Profile) {
        self.profile = profile
    }

    var sharedFields: [TwoWayRules.Field] { [.init("state", .status), .init("subject", .title)] }

    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection {
        var projection = Projection(fields: ["subject": .nullable(conversation.title)])
        projection.add("state", unless: conversation.unreadable[.status], statusWord(of: conversation))
        return projection
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        call(.write, try place(of: link), body: .object(delta.fields))
    }

    func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall { call(.object, try place(of: link)) }

    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        outcome.observation = try? conversation(in: body)
        return outcome
    }

    func conversation(in body: JSONValue) throws(Unreadable) -> Observation {
        guard let state = body["state"]?.stringValue else { throw Unreadable("the response does not contain a ticket: it has no state") }
        return Observation(word: state, title: body["subject"]?.stringValue)
    }

    func reportedIDs(in body: JSONValue) -> [String] { [body["id"]?.stringValue].compactMap { $0 } }

    private func place(of link: Link) throws(Unsendable) -> [String: String] {
        guard let project = profile.own.text("project") else { throw Unsendable("remotes.\(profile.name).project is missing") }
        return ["project": project, "id": link.remoteID]
    }
}
