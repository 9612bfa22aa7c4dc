/// How one instance behaves where its document leaves the choice to the system, and what a test wants it to know.
package struct InstanceOptions: Sendable, Equatable {
    /// A token bucket that holds one second's worth of requests, at least one.
    package struct RateLimit: Sendable, Equatable {
        package var perSecond: Double
        /// The value of `Retry-After` in seconds; nil sends none.
        package var retryAfterSeconds: Int?

        package init(perSecond: Double, retryAfterSeconds: Int? = nil) {
            self.perSecond = perSecond
            self.retryAfterSeconds = retryAfterSeconds
        }
    }

    /// The bearer token of this instance, when it is not the sandbox's own.
    package var token: String?
    /// Requests beyond this rate are answered 429.
    package var rateLimit: RateLimit?
    /// Requests that find this many others in flight are answered 429.
    package var concurrencyLimit: Int?
    /// Ids (for vg also agents, or `agent/conversation`) that are answered "not there".
    package var deleted: Set<String> = []
    /// voicebot, vg: a PATCH creates what it does not find.
    package var autoCreate = true
    /// voicebot, vg: a PATCH that is applied makes the system send its webhook, as an act does. Whether the vendors' systems do is
    /// not documented (docs/remotes.md, "Webhook of vg"); a client must not start a ping-pong over it.
    package var echoesWrites = false
    /// helpdesk: an error body is the RFC 7807 problem itself instead of `{"error": problem}`.
    package var bareProblems = false
    /// helpdesk: assignee id → alias shown.
    package var agents: [String: String] = [:]
    /// voicebot: the answer to a PATCH is `{"data": conversation}` instead of the bare conversation.
    package var envelope = false
    /// voicebot: user id → name. When not empty, another `user_id` is refused.
    package var users: [String: String] = [:]
    /// vg: `completed` is taken although the enum does not list it.
    package var acceptCompleted = true
    /// vg: the list shows things as they were this many changes ago.
    package var staleChanges = 0
    /// vg: the list is ordered by `lastModified` instead of `ts`.
    package var listsByLastModified = false
    /// helpdesk, vg: what becomes of a title that a call brings. An act stores it as it is.
    package var titleForm = TitleForm()
    /// helpdesk, voicebot, vg: values that refuse the call which brings them (voicebot 422, the others 400).
    package var refusedMembers: [RefusedMember] = []
    /// helpdesk, voicebot, vg: a rule of the system gives every conversation that a call ends this status word, a millisecond after the
    /// call, and tells the webhook.
    package var reopensWith: String?
    /// helpdesk, voicebot, vg: after a change, so many reads of the conversation still show it as it was before.
    package var laggingReads = 0
    /// helpdesk, voicebot, vg: what a call that was taken over is answered with.
    package var writeResponse = WriteResponse.document
    /// fin: the status that a reply is answered with.
    package var finStatus = "awaiting_user_reply"
    package var finStatusByConversation: [String: String] = [:]
    /// fin: a message is answered with a `fin_replied` event, when a webhook is set.
    package var finReplies = true
    /// fin: user attributes that the workspace does not have.
    package var unknownAttributes: Set<String> = []
    /// fin: "Reply to Fin" says five minutes; a test can make them shorter.
    package var dedupeWindowMilliseconds = 300_000

    package init() {}
}
