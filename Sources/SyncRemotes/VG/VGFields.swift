import SyncCore

/// The fields of a vg conversation (the document "Updates an existing conversation", request body `conversation`).
package enum VGFields {
    /// The JSON type that the document gives for a field.
    package enum FieldType: String, Sendable {
        case string, number, boolean, strings, array, object
        /// The document has `<unknown>`: a value of any type is sent unchanged.
        case any
    }

    /// Every documented field with its type.
    package static let documented: [String: FieldType] = {
        var types: [String: FieldType] = [:]
        for name in strings.split(whereSeparator: \.isWhitespace) { types[String(name)] = .string }
        for name in numbers.split(whereSeparator: \.isWhitespace) { types[String(name)] = .number }
        for name in booleans.split(whereSeparator: \.isWhitespace) { types[String(name)] = .boolean }
        for name in arrays.split(whereSeparator: \.isWhitespace) { types[String(name)] = .array }
        for name in objects.split(whereSeparator: \.isWhitespace) { types[String(name)] = .object }
        types["tags"] = .strings
        types["origin"] = .any
        types["capturedVariables"] = .any
        return types
    }()

    private static let strings = """
        userEmail userName userPhone userAddress userCompany userWebsite notes userProfilePic ID userID campaignId userImage
        socialHandle userOs userBrowser whatsappPhoneNumberId whatsappBusinessNumber whatsappDisplayPhoneNumber
        whatsappBusinessAccountId userPlatform state chatAssignedTo lang endReason notifyToUserId summary requestedTeamKey
        delegatedBy note funnelSummary title lastMessage
        """
    private static let numbers = """
        messagesNum interactionsNum ts convoTimeSeconds firstMessageTS lastMessageTS lastModified sessionsNum ratingFrom5
        totalUserInteractions averageLatency delegatedAt lastViewed leadScore funnelLastEvaluated
        """
    private static let booleans = "isFollowingBusiness socialVerified isTyping isBlocked isTest funnelNotificationSent"
    private static let arrays = "handoffHistory campaignCalls sessions metrics funnelStepsMatched funnelScoreHistory"
    private static let objects = "vapi nodesInfo voice detailedCost funnelExtractedData"

    /// A local value in the documented type; nil if it does not have that type.
    static func fitted(_ value: JSONValue, from source: LocalSource, as type: FieldType) -> JSONValue? {
        switch (type, value) {
        case (.any, _), (.string, .string), (.number, .integer), (.number, .number), (.boolean, .bool), (.array, .array),
            (.object, .object):
            return value
        case (.strings, .array(let values)):
            return values.allSatisfy { $0.stringValue != nil } ? value : nil
        case (.number, .string(let text)) where source.isTime:
            // Times are Unix seconds in all of the vendor's examples.
            return Instant(iso8601: text).map { .integer($0.milliseconds / 1000) }
        default:
            return nil
        }
    }
}
