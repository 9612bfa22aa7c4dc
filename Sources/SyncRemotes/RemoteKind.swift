/// The four kinds of remote system; each is implemented in a folder of its own.
package enum RemoteKind: String, CaseIterable, Sendable, Codable {
    /// The customer's system, which implements the Fin custom-helpdesk contract.
    case helpdesk
    /// Intercom's Fin Agent API.
    case fin
    /// Voicebot Studio chat Client API.
    case voicebot
    /// VoiceGlow / Convocore.
    case vg

    /// Whether a conversation takes part only where a row in `links` says so. The others know it by its local id.
    package var needsLink: Bool { self == .voicebot || self == .vg }

    /// Whether the remote is pushed to after all others have answered.
    package var isPushedAtEndOfRun: Bool { self == .helpdesk }

    /// Whether it receives messages instead of conversation state.
    package var receivesMessages: Bool { self == .fin }

    /// The operation that calls from the outbox are made with.
    package var writingOperation: String {
        switch self {
        case .helpdesk, .voicebot: "update_conversation"
        case .fin: "reply"
        case .vg: "update_convo"
        }
    }

    package var writingMethod: String { self == .helpdesk || self == .fin ? "POST" : "PATCH" }

    /// Whether conversations can be read from there.
    package var isReadable: Bool { self != .fin }

    /// Whether the remote lists its conversations.
    package var hasList: Bool { self == .voicebot || self == .vg }
}
