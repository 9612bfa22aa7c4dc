import SyncCore
import SyncRemotes

/// One path that a remote calls.
package struct WebhookRoute: Sendable {
    package let path: String
    package let remote: String
    package let reader: WebhookReader

    package init(path: String, remote: String, reader: WebhookReader) {
        self.path = path
        self.remote = remote
        self.reader = reader
    }

    /// The routes of all enabled remotes that call. Reads their secrets now.
    /// - Throws: a ``ConfigurationError`` that names every secret that cannot be read.
    package static func all(of configuration: Configuration) throws(ConfigurationError) -> [WebhookRoute] {
        var routes: [WebhookRoute] = []
        var problems: [ConfigurationError.Problem] = []
        for remote in configuration.enabledRemotes {
            guard let webhook = remote.webhook else { continue }
            do {
                let secret = WebhookSecret(try webhook.secret.read(as: "secret").token)
                let reader = WebhookReader(
                    kind: remote.kind, secret: secret, signatureHeader: webhook.signatureHeader, idPath: webhook.idPath)
                routes.append(WebhookRoute(path: webhook.path, remote: remote.name, reader: reader))
            } catch {
                problems.append(.init(path: "remotes.\(remote.name).webhook", line: nil, message: error.reason))
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return routes
    }
}
