/// The options of more than one kind.
extension DeclaredOptions {
    var common: [any AnyInstanceOption] {
        [
            token, rateLimit, concurrencyLimit, deleted, autoCreate, echoesWrites, titleForm, refusedMembers, reopensWith, laggingReads,
            writeResponse,
        ]
    }

    /// The bearer token of this instance, when it is not the sandbox's own.
    package var token: InstanceOption<String?> { InstanceOption("token", nil, isSecret: true) }

    /// Requests beyond this rate are answered 429.
    package var rateLimit: InstanceOption<RateLimit?> { InstanceOption("rate_limit", nil) }

    /// Requests that find this many others in flight are answered 429.
    package var concurrencyLimit: InstanceOption<Int?> { InstanceOption("concurrency_limit", nil) }

    /// Ids that are answered "not there": of conversations, and where there are agents also `agent` and `agent/conversation`.
    package var deleted: InstanceOption<Set<String>> { InstanceOption("deleted", []) }

    /// A PATCH creates what it does not find.
    package var autoCreate: InstanceOption<Bool> { InstanceOption("auto_create", true) }

    /// A PATCH that is applied makes the system send its webhook, as an act does. Whether the vendors' systems do is not documented; a
    /// client must not start a ping-pong over it.
    package var echoesWrites: InstanceOption<Bool> { InstanceOption("echo_writes", false) }

    /// What becomes of a title that a call brings. An act stores it as it is.
    package var titleForm: InstanceOption<TitleForm> { InstanceOption("title_form", TitleForm()) }

    /// Values that refuse the call which brings them.
    package var refusedMembers: InstanceOption<[RefusedMember]> { InstanceOption("refused_members", []) }

    /// A rule of the system gives every conversation that a call ends this status value, a millisecond after the call, and tells the webhook.
    package var reopensWith: InstanceOption<String?> { InstanceOption("reopens_with", nil) }

    /// After a change, as many reads of the conversation still show it as it was before.
    package var laggingReads: InstanceOption<Int> { InstanceOption("lagging_reads", 0) }

    /// What a call that was applied is answered with.
    package var writeResponse: InstanceOption<WriteResponse> { InstanceOption("write_response", WriteResponse.document) }
}
