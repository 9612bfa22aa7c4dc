import SyncCore

/// A token or a secret, and the table of the configuration that names it.
struct NamedSource: Sendable, Equatable {
    /// `remotes.vg`, `remotes.vg.webhook`.
    var table: String
    var kind: CredentialKind
    var source: CredentialSource

    /// Reads it now. What is wrong is said of the table.
    func read() -> Result<Credential, ConfigurationError.Problem> {
        do {
            return .success(try source.read(as: kind))
        } catch {
            return .failure(.init(path: table, line: nil, message: error.reason))
        }
    }
}

extension Remote {
    /// Nil for the secret of a remote that does not call.
    func source(of kind: CredentialKind) -> NamedSource? {
        switch kind {
        case .token: NamedSource(table: "remotes.\(name)", kind: .token, source: credential)
        case .secret: webhook.map { NamedSource(table: "remotes.\(name).webhook", kind: .secret, source: $0.secret) }
        }
    }
}

extension Configuration {
    /// The tokens of all enabled remotes, or the secrets of those that call, by the remotes' names. Reads them now.
    /// - Throws: a ``ConfigurationError`` that names every one that cannot be read.
    func readCredentials(_ kind: CredentialKind) throws(ConfigurationError) -> [String: Credential] {
        var credentials: [String: Credential] = [:]
        var problems: [ConfigurationError.Problem] = []
        for remote in enabledRemotes {
            switch remote.source(of: kind)?.read() {
            case .success(let credential): credentials[remote.name] = credential
            case .failure(let problem): problems.append(problem)
            case nil: break
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return credentials
    }
}
