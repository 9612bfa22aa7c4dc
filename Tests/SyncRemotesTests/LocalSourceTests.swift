import SyncCore
import SyncRemotes
import Testing

/// The notation of `[remotes.NAME.fields]`, and the documented fields it can be mapped to.
@Suite struct LocalSourceTests {
    @Test(arguments: [
        "id", "title", "status", "assignee_id", "tags", "attributes", "attributes.a", "attributes.a.b", "last_user_read_at",
        "created_at", "updated_at", "user.id", "user.name", "user.email", "user.photo_url", "user.attributes", "user.attributes.a.b",
    ])
    func `every documented source is accepted`(_ text: String) {
        #expect(LocalSource(text)?.text == text)
    }

    @Test(arguments: [
        "", ".", "Title", "titel", "attributes.", "attributes..a", ".attributes", "user", "user.", "user.phone", "user.attributes.",
        "user.name.first", "title.x", "none", " title",
    ])
    func `any other text is not a source`(_ text: String) {
        #expect(LocalSource(text) == nil)
    }

    @Test func `every source that the notation lists is accepted`() {
        let names = LocalSource.notation.split(separator: ",").map { $0.drop { $0 == " " } }
        #expect(names.count == 16)
        for name in names { #expect(LocalSource(String(name).replacing("KEY", with: "plan")) != nil, "\(name)") }
    }

    @Test func `the default fields of vg are documented ones with a source`() {
        let standard = Kind.vg.standardValues.table("fields")
        #expect(standard.keys.sorted() == ["tags", "title", "userEmail", "userName"])
        for field in standard.keys { #expect(VGFields.documented[field] != nil) }
    }

    /// The members of `conversation` in the document's request body.
    @Test func `vg has all fields of its document and no others`() {
        let document = """
            userEmail userName userPhone userAddress userCompany userWebsite notes userProfilePic ID userID campaignId userImage
            socialHandle isFollowingBusiness socialVerified userOs userBrowser origin whatsappPhoneNumberId whatsappBusinessNumber
            whatsappDisplayPhoneNumber whatsappBusinessAccountId messagesNum interactionsNum ts tags convoTimeSeconds firstMessageTS
            lastMessageTS userPlatform state chatAssignedTo handoffHistory isTyping lastModified sessionsNum lang vapi ratingFrom5
            totalUserInteractions isBlocked nodesInfo capturedVariables campaignCalls sessions endReason isTest metrics notifyToUserId
            averageLatency voice detailedCost summary requestedTeamKey delegatedBy delegatedAt lastViewed note leadScore
            funnelStepsMatched funnelScoreHistory funnelNotificationSent funnelLastEvaluated funnelExtractedData funnelSummary title
            lastMessage
            """
        #expect(Set(VGFields.documented.keys) == Set(document.split(whereSeparator: \.isWhitespace).map(String.init)))
    }

    @Test(arguments: Kinds.all)
    func `the default map sends only documented status values`(_ kind: Kind) {
        #expect(Set(kind.vocabulary.outbound.words).isSubset(of: kind.vocabulary.writable))
    }
}
