import SyncCore

/// What a kind of remote has to know: which fields it takes, how a call looks, what an answer means. Pure on values.
package protocol RemoteAdapter: RemoteReading {
    var profile: RemoteProfile { get }

    /// The conversation as this remote should hold it.
    func project(_ conversation: Conversation, knowing knowledge: RemoteKnowledge) -> Projection

    /// What the remote does not know yet. Overridden where a field is not simply replaced.
    func delta(wanted: Fields, knowing knowledge: RemoteKnowledge) -> Delta

    /// The call that brings a delta across. Throws a ``Refusal`` when the link does not allow one.
    func call(for delta: Delta, conversationID: String, link: Link) throws(Refusal) -> OutboundCall

    /// The base after the remote acknowledged a delta. Overridden where a field is not simply replaced.
    func base(_ base: Fields, acknowledging delta: Delta) -> Fields

    /// Reads an answer that HTTP calls a success. `classified` holds the status code already.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome

    /// Whether the body of a 404 has the form in which the API itself says that it does not know an object.
    func isOwnAbsence(_ body: JSONValue) -> Bool

    /// Headers besides the ones that every call carries.
    var headers: [(name: String, value: String)] { get }
}

extension RemoteAdapter {
    package func delta(wanted: Fields, knowing knowledge: RemoteKnowledge) -> Delta {
        Delta(wanted: wanted, base: knowledge.base, inDoubt: knowledge.inDoubt)
    }

    package func base(_ base: Fields, acknowledging delta: Delta) -> Fields {
        base.merging(delta.fields) { _, acknowledged in acknowledged }
    }

    package var headers: [(name: String, value: String)] { [] }

    /// Where the document shows no error bodies, or several, any JSON object may be one of them.
    package func isOwnAbsence(_ body: JSONValue) -> Bool { body.objectValue != nil }
}

extension RemoteAdapter {
    /// The word to send for a local state, minding the words that it must not replace.
    ///
    /// While a call that carried the field is in doubt, the remote holds either the word known before or the one attempted. Where
    /// one of them forbids the wanted word, the attempted one is said again: its acknowledgement makes certain what is there, and
    /// the conversation is planned anew.
    func statusWord(for state: LocalState, field: String, knowing knowledge: RemoteKnowledge) -> JSONValue? {
        let known = (knowledge.seen[field] ?? knowledge.base[field])?.stringValue
        guard knowledge.inDoubt.contains(field), let attempted = knowledge.attempted[field] else {
            return profile.statusMap.word(for: state, over: known).map(JSONValue.string)
        }
        guard let word = profile.statusMap.word(for: state, over: nil) else { return nil }
        let isAllowed = [known, attempted.stringValue].allSatisfy { profile.statusMap.word(for: state, over: $0) == word }
        return isAllowed ? .string(word) : attempted
    }
}

extension RemoteKind {
    package func adapter(_ profile: RemoteProfile) -> any RemoteAdapter {
        switch self {
        case .helpdesk: HelpdeskAdapter(profile: profile)
        case .fin: FinAdapter(profile: profile)
        case .voicebot: VoicebotAdapter(profile: profile)
        case .vg: VGAdapter(profile: profile)
        }
    }
}

extension RemoteAdapter {
    /// Plans one conversation: projection, delta against the base, call.
    package func plan(_ snapshot: LinkSnapshot) -> PlanDecision {
        if let problem = snapshot.linkProblem { return .refuse(placeholder(for: snapshot), problem) }
        let projection = project(snapshot.conversation, knowing: snapshot.knowledge)
        let delta = delta(wanted: projection.fields, knowing: snapshot.knowledge)
        guard !delta.isEmpty else { return .upToDate(omissions: projection.omissions) }
        do {
            let call = try call(for: delta, conversationID: snapshot.conversationID, link: snapshot.link)
            return .send(
                PlannedCall(
                    call: call, delta: delta, omissions: projection.omissions, finishes: finishes(delta, knowing: snapshot.knowledge)))
        } catch {
            return .refuse(placeholder(for: snapshot), error)
        }
    }

    /// What a refused row shows as its call: the operation, without values.
    private func placeholder(for snapshot: LinkSnapshot) -> OutboundCall {
        let operation = profile.kind.writingOperation
        return OutboundCall(operation: operation, method: profile.kind.writingMethod, path: profile.paths[operation] ?? "/", body: [:])
    }
}
