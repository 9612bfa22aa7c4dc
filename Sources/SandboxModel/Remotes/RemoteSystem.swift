/// One simulated remote system: the state of one instance of one kind, and the rules of its document.
///
/// A value without I/O, clock or randomness: the instance that owns it passes the time in.
protocol RemoteSystem: Sendable {
    /// The conversation of a call, determined before the call is checked; nil if the call names none.
    static func conversation(of call: RemoteCall) -> ConversationKey?

    /// Applies an authorised call.
    mutating func respond(to call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse

    /// Creates or replaces a conversation in the state that a test or demo needs.
    mutating func seed(_ seed: ControlledConversation, context: RemoteContext) throws(ControlRefusal)

    /// An act of a person (or the bot) inside the system, not through its API.
    mutating func act(_ change: ControlledConversation, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent]

    /// Overwrites the status value of a conversation, as a workflow rule of the system would (fault `drift`).
    mutating func overrideStatus(of key: ConversationKey, with status: String)

    /// All conversations as this system holds them, in a stable order.
    var state: [SandboxJSON] { get }

    /// One conversation as this system holds it.
    func state(of conversation: String) -> SandboxJSON?

    var conversationCount: Int { get }
}

/// The description of a conversation in a control call.
struct ControlledConversation: Sendable {
    let key: ConversationKey
    /// Match ``SimulatedKind/controlShape``; include id and agent.
    let fields: [String: SandboxJSON]

    init(_ description: SandboxJSON, kind: SimulatedKind) throws(ControlRefusal) {
        fields = try kind.controlShape.requireControl(description)
        key = ConversationKey(fields["conversation"]?.string ?? "", agent: fields["agent"]?.string)
    }
}

/// A control call that cannot be carried out.
package struct ControlRefusal: Error, Equatable, CustomStringConvertible {
    package let message: String
    package var description: String { message }

    package init(_ message: String) {
        self.message = message
    }
}

/// The most conversations that each system keeps, so that an error of a client does not use up the memory.
enum SystemLimits {
    static let conversations = 2_000_000

    static func check(_ count: Int) throws(RemoteRefusal) {
        guard count < conversations else {
            throw RemoteRefusal(status: 507, code: "sandbox_full", message: "the sandbox takes at most \(conversations) conversations")
        }
    }
}

extension FieldShape {
    /// The members of a control call's description, checked against a shape.
    func requireControl(_ description: SandboxJSON) throws(ControlRefusal) -> [String: SandboxJSON] {
        let found = violations(of: description)
        guard found.isEmpty, case .object(let members) = description else {
            throw ControlRefusal(found.map(\.message).joined(separator: "; "))
        }
        return members
    }
}
