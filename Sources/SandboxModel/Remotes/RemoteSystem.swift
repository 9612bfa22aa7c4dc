/// One simulated remote system: the state of one instance of one kind, and the rules of its document.
///
/// A value without I/O, clock or randomness: the instance that owns it passes the time in.
protocol RemoteSystem: Sendable {
    /// The conversation that a call is about, read before anything is judged; nil when the call names none.
    static func conversation(of call: RemoteCall) -> ConversationKey?

    /// Applies an authorised call.
    mutating func respond(to call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse

    /// Creates or replaces conversations, as a test or a demo wants to find them.
    mutating func seed(_ seed: ControlledConversation, context: RemoteContext) throws(ControlRefusal)

    /// What a person (or the bot) does inside that system, not through its API.
    mutating func act(_ change: ControlledConversation, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent]

    /// Overwrites the status value of a conversation, as a workflow rule of that system would (fault `drift`).
    mutating func overrideStatus(of key: ConversationKey, with status: String)

    /// Every conversation as this system holds it, in a stable order.
    var state: [SandboxJSON] { get }

    /// One conversation as this system holds it.
    func state(of conversation: String) -> SandboxJSON?

    var conversationCount: Int { get }
}

/// What a control call says of a conversation.
struct ControlledConversation: Sendable {
    let key: ConversationKey
    /// Satisfy ``SimulatedKind/controlShape``; id and agent are among them.
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

/// The systems keep at most this many conversations each: a client's mistake must not use up the machine's memory.
enum SystemLimits {
    static let conversations = 2_000_000

    static func check(_ count: Int) throws(RemoteRefusal) {
        guard count < conversations else {
            throw RemoteRefusal(status: 507, code: "sandbox_full", message: "the sandbox takes no more than \(conversations) conversations")
        }
    }
}

extension FieldShape {
    /// The members of a control description, checked against a shape.
    func requireControl(_ description: SandboxJSON) throws(ControlRefusal) -> [String: SandboxJSON] {
        let found = violations(of: description)
        guard found.isEmpty, case .object(let members) = description else {
            throw ControlRefusal(found.map(\.message).joined(separator: "; "))
        }
        return members
    }
}
