import FoundationEssentials
import SyncHTTP

/// Checks the base URL of a remote.
enum RemoteURL {
    /// The URL without trailing slashes, or its problem.
    static func check(_ text: String) -> Result<String, InvalidValue> {
        guard let components = URLComponents(string: text), let scheme = components.scheme?.lowercased() else {
            return .failure(InvalidValue("is not a URL"))
        }
        guard ["http", "https"].contains(scheme) else { return .failure(InvalidValue("has to begin with https:// or http://")) }
        guard let host = components.host, !host.isEmpty else { return .failure(InvalidValue("has no host")) }
        if components.user != nil || components.password != nil {
            return .failure(InvalidValue("must not hold a user name or password; the token has a place of its own"))
        }
        if components.query != nil || components.fragment != nil {
            return .failure(InvalidValue("must not have a query or a fragment: paths are appended to it"))
        }
        if let problem = CallTarget.problem(with: text) { return .failure(InvalidValue("cannot be called: \(problem)")) }
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        return .success(url)
    }

    static func host(of url: String) -> String? { URLComponents(string: url)?.host?.lowercased() }

    /// Whether the token would be sent unencrypted over a network.
    static func sendsTokenInClear(_ url: String) -> Bool {
        guard let components = URLComponents(string: url), components.scheme?.lowercased() == "http" else { return false }
        let host = components.host ?? ""
        return !(host == "localhost" || host.hasPrefix("127.") || host == "::1" || host == "[::1]")
    }
}
