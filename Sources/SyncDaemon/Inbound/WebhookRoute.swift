import SyncCore
import SyncRemotes

/// A path that a remote calls.
package struct WebhookRoute: Sendable {
    package let path: String
    package let remote: String
    private var reader: WebhookReader
    private var secrets: WebhookSecrets
    private let secret: WebhookSecret

    /// - Parameter makeReader: called with the secret.
    package init(path: String, remote: String, secret: WebhookSecret, makeReader: (WebhookSecret) -> WebhookReader) {
        self.path = path
        self.remote = remote
        self.secret = secret
        reader = makeReader(secret)
        secrets = WebhookSecrets(secret)
    }

    /// A reader with the secrets that are accepted now.
    mutating func reader(now: Instant) -> WebhookReader {
        reader.secrets = secrets.counting(now: now)
        return reader
    }

    mutating func replaceSecret(with secret: WebhookSecret, now: Instant) {
        secrets.replace(with: secret, now: now)
    }

    /// The route of the same remote after a reload. Previous secrets stay accepted for the rest of their time.
    func succeeding(_ former: WebhookRoute, now: Instant) -> WebhookRoute {
        var route = self
        route.secrets = former.secrets
        route.secrets.replace(with: secret, now: now)
        return route
    }

    /// The routes of all enabled remotes with a webhook. Reads their secrets.
    /// - Throws: a ``ConfigurationError`` that names every secret that cannot be read.
    package static func all(of configuration: Configuration) throws(ConfigurationError) -> [WebhookRoute] {
        all(of: configuration, try configuration.readCredentials(.secret))
    }

    static func all(of configuration: Configuration, _ secrets: [String: Credential]) -> [WebhookRoute] {
        configuration.enabledRemotes.compactMap { remote in
            guard let scheme = remote.kind.webhook, let webhook = remote.webhook, let secret = secrets[remote.name] else { return nil }
            return WebhookRoute(path: webhook.path, remote: remote.name, secret: WebhookSecret(secret.token)) { secret in
                WebhookReader(scheme, own: remote.profile.own, secret: secret)
            }
        }
    }
}
