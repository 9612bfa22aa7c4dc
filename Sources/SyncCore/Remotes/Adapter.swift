/// What is specific to a kind of remote: which fields it takes, the form of a call, the meaning of a response. Pure functions of values.
///
/// An adapter belongs to one configured remote (``profile``). Only the fields and the call have no default here: a kind that takes only the
/// state of conversations, and is never read, needs no more than ``profile``, ``sharedFields``, ``project(_:seats:)`` and
/// ``call(for:conversationID:link:)``.
package protocol Adapter: Reading, LinkDecisions {
    var profile: Profile { get }

    /// The conversation as this remote should hold it.
    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection

    /// The fields that both sides can change, in the order in which they are reconciled. All others are only sent.
    var sharedFields: [TwoWayRules.Field] { get }

    /// Aligns the record with the wanted fields before anything is compared.
    func prepare(_ record: inout LinkRecord, for wanted: Fields)

    /// Adds the other fields that a call with these fields has to carry.
    func complete(_ send: inout Fields, from wanted: Fields)

    /// The members that are refused together with these.
    func refused(with names: Set<String>, of sent: Fields) -> Set<String>

    /// The wanted fields that cannot be sent to the remote because of its known state.
    func omissions(_ wanted: Fields, knowing record: LinkRecord) -> [Omission]

    /// The call that sends a delta. Throws an ``Unsendable`` when the link does not allow one.
    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall

    /// The call that sends a message. Throws an ``Unsendable`` when the message does not allow one, or the kind takes none.
    func call(for message: Message, by user: User?, takenTimestamps: TakenTimestamps) throws(Unsendable) -> PlannedCall

    /// Why a message that is due must not be sent now, given the remote's last status in the conversation; nil if it may be sent.
    /// - Parameters:
    ///   - word: the status value; nil if none is known.
    ///   - since: when it was reported.
    func hold(after word: String?, since: Instant?, now: Instant) -> MessageHold?

    /// Reads a response with a 2xx status. `classified` already contains the status code.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome

    /// Whether the body of a 404 has the form in which the API itself reports an unknown object.
    func isOwnAbsence(_ body: JSONValue) -> Bool

    /// Headers besides those that every call carries.
    var headers: [(name: String, value: String)] { get }

    /// The agent of links that name none, for remotes whose objects belong to agents.
    var defaultAgent: String? { get }

    /// If the configuration decides which local value goes into which field: that mapping, as texts in a fixed order. When it changes,
    /// every conversation of the remote has to be planned again.
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

    /// If the vendor's documentation shows no error bodies, or several, any JSON object may be one of them.
    package func isOwnAbsence(_ body: JSONValue) -> Bool { body.objectValue != nil }

    package var headers: [(name: String, value: String)] { [] }

    package var defaultAgent: String? { nil }

    package var mappedFields: [String] { [] }

    package var statusField: String? { sharedFields.first { $0.role == .status }?.name }

    /// A field that receives the local id (role `assignee`) is not read.
    package var assigneeField: String? { sharedFields.first { $0.role == .user }?.name }
}

extension Adapter {
    /// The status value for the state of a conversation; nil for no statement. Values that must not be replaced are handled by the
    /// reconciliation rules.
    package func statusWord(of conversation: Conversation) -> JSONValue? {
        let owner = Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees)
        guard case .word(let word) = profile.statusMap[LocalState(conversation.status, owner)] else { return nil }
        return .string(word)
    }

    /// A call of the kind's operation.
    /// - Parameters:
    ///   - values: the values for the placeholders in the operation's path.
    ///   - query: including its question mark.
    ///   - body: `.null`: no body is sent.
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

    /// The call that a refused row shows: the operation, without values.
    var placeholder: OutboundCall { call(.write, body: [:]) }

    /// Everything in the configuration that a projection depends on, as one text: when it changes, every conversation of the remote has to
    /// be planned again.
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
    /// The remote is at work; the hold ends with its next status, or at that time.
    case until(Instant, reason: String)
    /// The remote has finished with the conversation; the hold ends with another status, or when a person releases the row.
    case indefinitely(reason: String)
}
