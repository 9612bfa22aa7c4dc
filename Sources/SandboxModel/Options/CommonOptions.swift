/// The options of more than one kind.
extension DeclaredOptions {
    var common: [any AnyInstanceOption] {
        [
            token, rateLimit, concurrencyLimit, deleted, autoCreate, echoesWrites, titleForm, refusedMembers, reopensWith, laggingReads,
            writeResponse,
        ]
    }

    /// The bearer token of this instance, if it is not that of the sandbox.
    package var token: InstanceOption<String?> { InstanceOption("token", nil, isSecret: true) }

    /// Requests beyond this rate get status 429.
    package var rateLimit: InstanceOption<RateLimit?> { InstanceOption("rate_limit", nil) }

    /// Requests that arrive while this many others are in flight get status 429.
    package var concurrencyLimit: InstanceOption<Int?> { InstanceOption("concurrency_limit", nil) }

    /// Ids for which the system responds that they do not exist: of conversations, and where there are agents also `agent` and `agent/conversation`.
    package var deleted: InstanceOption<Set<String>> { InstanceOption("deleted", []) }

    /// A PATCH creates a conversation that does not exist.
    package var autoCreate: InstanceOption<Bool> { InstanceOption("auto_create", true) }

    /// A PATCH that is applied triggers the webhook, as an act does. Whether the vendors' systems do that is not documented; a client must not get
    /// into a loop because of it.
    package var echoesWrites: InstanceOption<Bool> { InstanceOption("echo_writes", false) }

    /// How the system changes a title in a call before it stores it. An act stores it as it is.
    package var titleForm: InstanceOption<TitleForm> { InstanceOption("title_form", TitleForm()) }

    /// Values for which the system refuses the whole call.
    package var refusedMembers: InstanceOption<[RefusedMember]> { InstanceOption("refused_members", []) }

    /// A rule of the system sets this status on every conversation that a call finishes, a millisecond after the call, and triggers the webhook.
    package var reopensWith: InstanceOption<String?> { InstanceOption("reopens_with", nil) }

    /// After a change, this many reads of the conversation still show the previous state.
    package var laggingReads: InstanceOption<Int> { InstanceOption("lagging_reads", 0) }

    /// The response to a call that was applied.
    package var writeResponse: InstanceOption<WriteResponse> { InstanceOption("write_response", WriteResponse.document) }
}
