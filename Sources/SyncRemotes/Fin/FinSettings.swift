import SyncCore

/// The configured values that only this kind of remote has.
struct FinSettings: Equatable {
    /// The version whose documents the adapter follows.
    static let standardVersion = "2.14"
    static let standardReplyHold = Duration.seconds(10)

    /// The header `Intercom-Version`.
    var apiVersion: String
    /// Which attributes of a user are sent; nil: all.
    var userAttributes: [String]?
    /// The longest time that a reply waits while Fin is working on another one.
    var replyHold: Duration

    init(_ own: OwnValues) {
        apiVersion = own.text("api_version") ?? FinSettings.standardVersion
        userAttributes = own.texts("user_attributes")
        replyHold = own.duration("reply_hold") ?? FinSettings.standardReplyHold
    }

    static let keys = [
        ConfigurationKey(
            "api_version", .text { HeaderValue.problem(with: $0) }, standard: .text(standardVersion), "The header Intercom-Version."),
        ConfigurationKey(
            "user_attributes", .texts, example: .texts(["plan_type", "subscription_status"]),
            "Which attributes of a user are sent, at most \(FinAdapter.maximumAttributes). Without this key: all of them."),
        ConfigurationKey(
            "reply_hold", .duration(atLeast: .zero), standard: .duration(standardReplyHold),
            "A reply waits that long at most while Fin is at work on another one (its last status is thinking or replying)."),
    ]

    /// No status is written; Fin's status values come with responses and events. `complete` "does not close the conversation".
    static let vocabulary = Vocabulary(
        outbound: StatusMap { _ in .noStatement },
        inbound: InboundMap([
            "thinking": .state(.open, .ai), "replying": .state(.open, .ai), "awaiting_user_reply": .state(.open, .ai),
            "escalated": .state(.open, .none), "resolved": .state(.resolved, .unchanged), "complete": .endsAI,
        ]),
        writable: [], readable: ["thinking", "replying", "awaiting_user_reply", "escalated", "resolved", "complete"],
        formerCellKeys: [
            "silent_after":
                "no longer exists: delete the line; what `complete` of fin did with it, its default complete = \"ends_ai\" does"
        ])
}
