/// One configured remote.
package struct Remote: Sendable {
    package let name: String
    package let kind: Kind
    /// Builds its calls (``Adapter/profile``), and makes the decisions that depend on the kind.
    package let adapter: any Adapter
    /// Without a trailing slash.
    package var url: String
    package var credential: CredentialSource
    package var isEnabled: Bool
    package var gate: RemoteGate.Settings
    package var limits: HTTPLimits
    package var classifier: OutcomeClassifier
    /// When the remote is polled; nil: never.
    package var poll: PollSettings?
    /// How the remote sends webhook calls; nil: it sends none.
    package var webhook: WebhookSettings?

    package init(
        profile: Profile, url: String, credential: CredentialSource, isEnabled: Bool, gate: RemoteGate.Settings, limits: HTTPLimits,
        classifier: OutcomeClassifier, poll: PollSettings? = nil, webhook: WebhookSettings? = nil
    ) {
        name = profile.name
        kind = profile.kind
        adapter = kind.adapter(profile)
        self.url = url
        self.credential = credential
        self.isEnabled = isEnabled
        self.gate = gate
        self.limits = limits
        self.classifier = classifier
        self.poll = poll
        self.webhook = webhook
    }

    package var profile: Profile { adapter.profile }

    /// How long a claim is valid: longer than twice the longest call, plus the time for a commit on a busy disk.
    package var leaseDuration: Duration { limits.totalTimeout * 2 + .seconds(30) }
}

extension Remote: Equatable {
    /// The adapter follows from the profile.
    package static func == (left: Remote, right: Remote) -> Bool {
        left.profile == right.profile && left.url == right.url && left.credential == right.credential && left.isEnabled == right.isEnabled
            && left.gate == right.gate && left.limits == right.limits && left.classifier == right.classifier && left.poll == right.poll
            && left.webhook == right.webhook
    }
}

/// Where a token or a secret comes from; never the configuration file itself.
package enum CredentialSource: Sendable, Equatable {
    /// A file that holds the token and nothing else.
    case file(path: String)
    /// A systemd credential, `$CREDENTIALS_DIRECTORY/NAME`.
    case systemd(name: String)
    case environment(variable: String)
}

/// `[remotes.NAME.webhook]`: where one remote sends its webhook calls.
package struct WebhookSettings: Sendable, Equatable {
    package var path: String
    package var secret: CredentialSource

    package init(path: String, secret: CredentialSource) {
        self.path = path
        self.secret = secret
    }

    package static func standardPath(of remote: String) -> String { "/hooks/\(remote)" }
}
