/// The conversation fields of `PATCH /agents/{agentId}/convos/{convoId}` ("Updates an existing conversation"), and those of the sandbox's
/// own control calls for this kind.
enum VGDocument {
    /// "Updates an existing conversation" `state`: the members of the enum in all machine-readable sources (docs/remotes/vg.md, "Status values").
    static let states = ["requested_chat", "human-chatting", "ai-chatting", "ended_chat"]

    /// The status value of "Updates an existing conversation"'s own example, which is not a member of the enum.
    static let exampleState = "completed"

    static let finished = ["ended_chat", exampleState]

    /// In neither of the two, but in one capture of the vendor's own page (docs/remotes/vg.md): the system may set it by itself.
    static let observedState = "open"

    private static let texts = [
        "userEmail", "userName", "userPhone", "userAddress", "userCompany", "userWebsite", "notes", "userProfilePic", "ID", "userID",
        "campaignId", "userImage", "socialHandle", "userOs", "userBrowser", "whatsappPhoneNumberId", "whatsappBusinessNumber",
        "whatsappDisplayPhoneNumber", "whatsappBusinessAccountId", "userPlatform", "chatAssignedTo", "lang", "endReason", "notifyToUserId",
        "summary", "requestedTeamKey", "delegatedBy", "note", "funnelSummary", "title", "lastMessage",
    ]

    private static let numbers = [
        "messagesNum", "interactionsNum", "ts", "convoTimeSeconds", "firstMessageTS", "lastMessageTS", "lastModified", "sessionsNum",
        "ratingFrom5", "totalUserInteractions", "averageLatency", "delegatedAt", "lastViewed", "leadScore", "funnelLastEvaluated",
    ]

    private static let flags = ["isFollowingBusiness", "socialVerified", "isTyping", "isBlocked", "isTest", "funnelNotificationSent"]

    /// "Updates an existing conversation" shows these as `<array>` or as an empty array: the elements are not described.
    private static let lists = ["campaignCalls", "sessions", "metrics", "funnelStepsMatched", "funnelScoreHistory"]

    /// "Updates an existing conversation" shows these as `<unknown>`.
    private static let unknowns = ["origin", "capturedVariables"]

    private static let handoff = FieldShape.record(
        [
            "requestedAt": .number, "acceptedAt": .number, "completedAt": .number, "acceptedBy": .string, "organizationId": .string,
            "requestedTeamKey": .string, "teamIds": .list(.string), "teamKeys": .list(.string),
        ],
        required: []
    )

    private static let call = FieldShape.record(
        [
            "cost": .number, "callDuration": .number, "recordingUrl": .string, "callerPhoneNumber": .string, "calleePhoneNumber": .string,
            "callStatus": .string, "callError": .string,
        ],
        required: []
    )

    private static let cost = FieldShape.record(
        [
            "totalCreditsConsumed": .number, "speechGenCost": .number, "transcriberCost": .number, "twilioCost": .number,
            "llmCost": .number,
        ],
        required: []
    )

    private static func fields(states: [String]) -> [String: FieldShape] {
        var fields: [String: FieldShape] = [:]
        for name in texts { fields[name] = .string }
        for name in numbers { fields[name] = .number }
        for name in flags { fields[name] = .boolean }
        for name in lists { fields[name] = .anyList }
        for name in unknowns { fields[name] = .anything }
        fields["tags"] = .list(.string)
        fields["state"] = .oneOf(states)
        fields["handoffHistory"] = .list(handoff)
        fields["vapi"] = call
        fields["nodesInfo"] = .record(["currentNode": .string], required: [])
        fields["voice"] = .record(["latestSessionId": .string, "listenUrl": .string, "listenUrlUNIX": .number], required: [])
        fields["detailedCost"] = cost
        fields["funnelExtractedData"] = .anyObject
        return fields
    }

    private static func body(states: [String]) -> FieldShape {
        .record(["conversation": .record(fields(states: states), required: [])], required: ["conversation"])
    }

    /// The body with the status values of the enum.
    static let update = body(states: states)

    /// The body that also allows the status value of the example.
    static let lenientUpdate = body(states: states + [exampleState])

    /// What a teammate or the bot can change: any documented field, besides the conversation and the agent.
    static let act: FieldShape = {
        var changed = fields(states: states + [exampleState, observedState])
        changed["conversation"] = .string
        changed["agent"] = .string
        return .record(changed, required: ["conversation", "agent"])
    }()
}
