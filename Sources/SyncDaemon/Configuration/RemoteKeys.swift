import SyncCore

/// The keys that remotes of every kind have, described in the same form as those of a kind (``Kind/keys``). The reader takes its checks from here; a
/// test compares the descriptions with config/convosync.toml.
///
/// `[….status]`, `[….status.inbound]`, `[….status.never_over]` and `[….paths]` are not included: their keys are the status values
/// (``Kind/vocabulary``) and the operations (``Kind/operations``) of the kind.
enum RemoteKeys {
    static let url = ConfigurationKey("url", .text, "Where the API is; paths are appended. (No default.)")
    static let tokenFile = ConfigurationKey("token_file", .text, "Where the bearer token is: one of these three. (No default.)")
    static let tokenCredential = ConfigurationKey("token_credential", .text)
    static let tokenVariable = ConfigurationKey("token_env", .text)
    static let isEnabled = ConfigurationKey("enabled", .flag, standard: .flag(true))

    // MARK: How fast

    private static let gate = RemoteGate.Settings()
    static let concurrency = ConfigurationKey(
        "concurrency", .integer(1...256), standard: .integer(gate.concurrency),
        """
        Calls in flight at most. Fewer while the remote fails or is far slower than usual, down to 1; `convosync status` shows how many.
        """)
    static let rate = ConfigurationKey(
        "rate", .text, standard: .text("unlimited"), #""10/s", "600/min", "1500/h" or "unlimited"."#)
    static let probeInterval = ConfigurationKey(
        "probe_interval", .duration(atLeast: .seconds(1)), standard: .duration(gate.probeInterval),
        "A remote that refuses the credential is parked; probes go out with growing pauses up to this one.")
    static let breakerSample = ConfigurationKey(
        "breaker.min_sample", .integer(1...100_000), standard: .integer(gate.breaker.minimumSample),
        """
        Of at least min_sample calls within the last `window`, failure_percent failed: no calls for `pause`, doubled up to max_pause.
        """)
    static let breakerShare = ConfigurationKey(
        "breaker.failure_percent", .integer(1...100), standard: .integer(gate.breaker.failureShare))
    static let breakerWindow = ConfigurationKey(
        "breaker.window", .duration(atLeast: .seconds(1)), standard: .duration(gate.breaker.window))
    static let breakerPause = ConfigurationKey(
        "breaker.pause", .duration(atLeast: .milliseconds(10)), standard: .duration(gate.breaker.pause))
    static let breakerLongestPause = ConfigurationKey(
        "breaker.max_pause", .duration(atLeast: .milliseconds(10)), standard: .duration(gate.breaker.longestPause))

    // MARK: How long and how large

    private static let limits = HTTPLimits()
    static let totalTimeout = timeout("total", limits.totalTimeout)
    static let connectTimeout = timeout(
        "connect", limits.connectTimeout,
        """
        No connection (with TLS) within `connect`, no byte of the response within `first_byte` after that, a silence in the middle of the \
        answer for `read`, or no complete answer within `total`: the call has failed. first_byte is the same as read unless it is given.
        """)
    static let readTimeout = timeout("read", limits.readTimeout)
    static let firstByteTimeout = timeout("first_byte", limits.firstByteTimeout)
    static let responseSize = ConfigurationKey(
        "max_response_size", .size, standard: .text("\(limits.maximumResponseSize >> 20)MiB"))

    // MARK: The way back

    static let conflict = ConfigurationKey(
        "conflict", .text, standard: .text(AdoptionPolicy().conflict.rawValue),
        "Who wins when both sides changed the same thing: newest, local or remote (docs/two-way.md).")
    static let reopening = ConfigurationKey(
        "reopen", .text, standard: .text(AdoptionPolicy().reopening.rawValue),
        """
        What reopens a finished conversation besides the application: message (since it ended, the end user wrote, or a person took it up \
        at the remote by name), always or never.
        """)
    static let pollPages = ConfigurationKey(
        "poll.pages", .integer(1...100), standard: .integer(PollSettings(interval: .zero).pages), "of the list, newest first")
    static let pollRotation = ConfigurationKey(
        "poll.rotate", .integer(0...1000), standard: .integer(PollSettings(interval: .zero).rotate),
        "linked conversations that are read each time besides, in turn")
    static let webhookPath = ConfigurationKey("webhook.path", .text, "/hooks/ and the remote's name")
    static let secretFile = ConfigurationKey(
        "webhook.secret_file", .text,
        """
        or one of the next two. (No default.) A replaced file is in force within a second, and the former secret counts for five more minutes.
        """)
    static let secretCredential = ConfigurationKey("webhook.secret_credential", .text)
    static let secretVariable = ConfigurationKey("webhook.secret_env", .text)

    /// Keys and tables of earlier versions, with the message for a file that still has them.
    static let former = ["retry_budget": "has no effect any more; delete it"]

    // MARK: Keys whose descriptions name kinds

    static func kind(_ kinds: [Kind]) -> ConfigurationKey { ConfigurationKey("kind", .text, "\(kinds.listed).") }

    static func adopt(_ kinds: [Kind]) -> ConfigurationKey {
        let richer = kinds.filter { $0.adoptable.contains(.title) && $0.adoptable.contains(.tags) }
        return ConfigurationKey(
            "adopt", .texts, standard: .texts(["status"]),
            """
            What is adopted from the remote: "status" (with the assignee); \(richer.names.listed(with: "and")) also "title" and "tags". [] for \
            nothing.
            """)
    }

    static let pollInterval = ConfigurationKey("poll.interval", .duration(atLeast: .seconds(1)))

    static func pollInterval(_ kinds: [Kind]) -> ConfigurationKey {
        let blind = kinds.filter { $0.isReadable && !$0.hasList }
        return ConfigurationKey(
            pollInterval.name, pollInterval.form, example: .duration(.seconds(30)),
            "between two polls of the list (\(blind.names.listed(with: "and")) has none: at the conversations last written to)")
    }

    private static let outcomeMeaning =
        "Status codes (300 to 599) that are to mean something else than they do by default (docs/remotes/README.md)."
    static let outcomes: [ConfigurationKey] = RemoteReader.configurableOutcomes.enumerated().map { index, outcome in
        ConfigurationKey("outcomes.\(outcome.rawValue)", .integers, standard: .texts([]), index == 0 ? outcomeMeaning : "")
    }

    static func all(_ kinds: [Kind]) -> [ConfigurationKey] {
        [
            kind(kinds), url, tokenFile, tokenCredential, tokenVariable, isEnabled, concurrency, rate, connectTimeout, firstByteTimeout,
            readTimeout, totalTimeout, responseSize, probeInterval, adopt(kinds), conflict, reopening, breakerSample, breakerShare,
            breakerWindow, breakerPause, breakerLongestPause, pollInterval(kinds), pollPages, pollRotation, webhookPath, secretFile,
            secretCredential, secretVariable,
        ] + outcomes
    }

    private static func timeout(_ name: String, _ standard: Duration, _ meaning: String = "") -> ConfigurationKey {
        ConfigurationKey("timeouts.\(name)", .duration(atLeast: .milliseconds(10)), standard: .duration(standard), meaning)
    }

}
