/// What a kind of remote has to know: which fields it takes, how a call looks, what a response means. Pure on values.
///
/// An adapter is that of one configured remote (``profile``). Only the fields and the call have no default here: a kind that takes
/// nothing but the state of conversations, and is never read, needs no more than ``profile``, ``sharedFields``, ``project(_:seats:)`` and
/// ``call(for:conversationID:link:)``.
package protocol Adapter: Reading, LinkDecisions {
    var profile: Profile { get }

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

    /// The call that brings a delta across. Throws an ``Unsendable`` when the link does not allow one.
    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall

    /// The call that brings a message across. Throws an ``Unsendable`` when the message does not allow one, or the kind takes none.
    func call(for message: Message, by user: User?, takenTimestamps: TakenTimestamps) throws(Unsendable) -> PlannedCall

    /// Why a message that is due must not go out now, given the remote's last status in the conversation; nil where it may.
    /// - Parameters:
    ///   - word: nil where none is known.
    ///   - since: when it was reported.
    func hold(after word: String?, since: Instant?, now: Instant) -> MessageHold?

    /// Reads a response that HTTP calls a success. `classified` holds the status code already.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome

    /// Whether the body of a 404 has the form in which the API itself says that it does not know an object.
    func isOwnAbsence(_ body: JSONValue) -> Bool

    /// Headers besides the ones that every call carries.
    var headers: [(name: String, value: String)] { get }

    /// The agent of links that name none, where objects belong to agents.
    var defaultAgent: String? { get }

    /// Where the configuration decides which local value goes into which field: that, as texts in a fixed order. When it changes, every
    /// conversation of the remote has to be planned again.
    var mappedFields: [String] { get }
}

extension Adapter {
    package func prepare(_ record: inout LinkRecord, for wanted: Fields) {}

    package func complete(_ send: inout Fields, from wanted: Fields) {}

    package func refused(with names: Set<String>, of sent: Fields) -> Set<String> { names }

    package func omissions(_ wanted: Fields, knowing record: LinkRecord) -> [Omission] { [] }

    package func call(for message: Message, by user: User?, takenTimestamps: TakenTimestamps) throws(Unsendable) -> PlannedCall {
        throw Unsendable("\(profile.name) takes the state of conversations, no messages")
    }

    package func hold(after word: String?, since: Instant?, now: Instant) -> MessageHold? { nil }

    package func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome { classified }

    /// Where the document shows no error bodies, or several, any JSON object may be one of them.
    package func isOwnAbsence(_ body: JSONValue) -> Bool { body.objectValue != nil }

    package var headers: [(name: String, value: String)] { [] }

    package var defaultAgent: String? { nil }

    package var mappedFields: [String] { [] }

    package var statusField: String? { sharedFields.first { $0.role == .status }?.name }

    /// A field that is told the local id (role `assignee`) is not read.
    package var assigneeField: String? { sharedFields.first { $0.role == .user }?.name }
}

extension Adapter {
    /// The word for the state of a conversation; nil for no statement. Words that must not be replaced by it are the rule's to mind.
    package func statusWord(of conversation: Conversation) -> JSONValue? {
        let owner = Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees)
        guard case .word(let word) = profile.statusMap[LocalState(conversation.status, owner)] else { return nil }
        return .string(word)
    }

    /// A call of the kind's operation.
    /// - Parameters:
    ///   - values: of the placeholders in the operation's path.
    ///   - query: with its question mark.
    ///   - body: `.null`: none is sent.
    package func call(
        _ role: Kind.Operation.Role, _ values: [String: String] = [:], query: String = "", body: JSONValue = .null
    ) -> OutboundCall {
        guard let operation = profile.kind.operation(role) else {
            preconditionFailure("an adapter calls only what its kind has operations for")
        }
        return OutboundCall(
            operation: operation.name, method: operation.method, path: profile.path(operation.name, values) + query, body: body)
    }

    /// Plans the call for one message.
    package func plan(_ snapshot: MessageSnapshot) -> PlanDecision {
        do throws(Unsendable) {
            return .send(try call(for: try snapshot.message.get(), by: snapshot.user, takenTimestamps: snapshot.takenTimestamps))
        } catch {
            return .refuse(placeholder, error)
        }
    }

    /// What a refused row shows as its call: the operation, without values.
    var placeholder: OutboundCall { call(.write, body: [:]) }

    /// Everything that a projection depends on in the configuration, as one text: when it changes, every conversation of the remote
    /// has to be looked at again.
    package var fingerprint: String {
        let kind = profile.kind
        var parts = ["kind=\(kind.name)", "agent=\(defaultAgent ?? "")", "ai=\(profile.aiAssignees.sorted())"]
        parts += LocalState.all.map { "\($0.status.rawValue).\($0.owner.rawValue)=\(profile.statusMap[$0].text)" }
        parts += profile.statusMap.neverOver.map { "\($0.key)!\($0.value.sorted())" }.sorted()
        parts += mappedFields
        parts += profile.inboundMap.cells.map { "\($0.key)=>\($0.value)" }.sorted()
        parts.append("adopt=\(profile.adoption.fields.map(\.rawValue).sorted())")
        parts.append("\(kind.writing.name)@\(profile.paths[kind.writing.name] ?? "")")
        return parts.joined(separator: ";")
    }
}

/// Why a message is not sent now.
package enum MessageHold: Equatable, Sendable {
    /// The remote is at work; the hold ends with its next status, or at that moment.
    case until(Instant, reason: String)
    /// The remote is done with the conversation; the hold ends with another status, or by hand.
    case indefinitely(reason: String)
}
