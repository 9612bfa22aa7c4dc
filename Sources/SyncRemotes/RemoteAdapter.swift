import SyncCore

/// What a kind of remote has to know: which fields it takes, how a call looks, what an answer means. Pure on values.
package protocol RemoteAdapter: RemoteReading, LinkDecisions {
    var profile: RemoteProfile { get }

    /// The conversation as this remote should hold it.
    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection

    /// The fields that both sides can change, in the order in which the rule goes through them. All others are only sent.
    var sharedFields: [TwoWayRules.Field] { get }

    /// Brings what is known into line with what is wanted, before anything is compared.
    func prepare(_ record: inout LinkRecord, for wanted: Fields)

    /// Adds what a call with these fields has to carry besides.
    func complete(_ send: inout Fields, from wanted: Fields)

    /// The members that are refused together with these.
    func refused(with names: Set<String>, of sent: Fields) -> Set<String>

    /// What cannot be said to the remote because of what it is known to hold.
    func omissions(_ wanted: Fields, knowing record: LinkRecord) -> [Omission]

    /// The call that brings a delta across. Throws a ``Refusal`` when the link does not allow one.
    func call(for delta: Delta, conversationID: String, link: Link) throws(Refusal) -> OutboundCall

    /// Reads an answer that HTTP calls a success. `classified` holds the status code already.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome

    /// Whether the body of a 404 has the form in which the API itself says that it does not know an object.
    func isOwnAbsence(_ body: JSONValue) -> Bool

    /// Headers besides the ones that every call carries.
    var headers: [(name: String, value: String)] { get }
}

extension RemoteAdapter {
    package func prepare(_ record: inout LinkRecord, for wanted: Fields) {}

    package func complete(_ send: inout Fields, from wanted: Fields) {}

    package func refused(with names: Set<String>, of sent: Fields) -> Set<String> { names }

    package func omissions(_ wanted: Fields, knowing record: LinkRecord) -> [Omission] { [] }

    package var headers: [(name: String, value: String)] { [] }

    /// Where the document shows no error bodies, or several, any JSON object may be one of them.
    package func isOwnAbsence(_ body: JSONValue) -> Bool { body.objectValue != nil }
}

extension RemoteAdapter {
    /// The word for the state of a conversation; nil for no statement. Words that must not be replaced by it are the rule's to mind.
    func statusWord(of conversation: Conversation) -> JSONValue? {
        let owner = Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees)
        guard case .word(let word) = profile.statusMap[LocalState(conversation.status, owner)] else { return nil }
        return .string(word)
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
