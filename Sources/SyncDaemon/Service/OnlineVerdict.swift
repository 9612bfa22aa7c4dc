import SyncCore
import SyncRemotes

/// What the response to a read-only call says about url, paths and token, and what to do about it.
///
/// | response                                  | severity | hint                                   |
/// |-------------------------------------------|----------|----------------------------------------|
/// | 2xx with a readable body                  | ok       |                                        |
/// | 2xx with another body                     | problem  | url, paths                             |
/// | 404, 405                                  | problem  | the path is wrong?                     |
/// | 401, 403                                  | problem  | the token                              |
/// | 3xx                                       | problem  | the url that it redirects to           |
/// | 429, 503 with Retry-After                 | warning  | when to try again                      |
/// | another 4xx                               | warning  | url, paths                             |
/// | 5xx, none at all                          | problem  | by cause (``OnlineVerdict/remedy(for:)``) |
///
/// Only a 2xx shows that the token is accepted.
struct OnlineVerdict {
    enum Reading: Equatable {
        case understood
        /// One sentence with the reason.
        case refused(String)
    }

    let remote: Remote
    let call: OutboundCall
    let outcome: DeliveryOutcome
    /// For the body of a 2xx.
    let reading: Reading?

    private var name: String { "remotes.\(remote.name)" }
    private var said: String { outcome.error ?? outcome.httpStatus.map { "HTTP \($0)" } ?? outcome.outcome.rawValue }

    var finding: Inspection.Finding {
        if let failure = outcome.failure { return problem("cannot be reached: \(said)", hint: remedy(for: failure)) }
        if outcome.absence != nil {
            return problem("says that this does not exist: \(said)", hint: "the path is wrong? Correct \(whereItLeads)")
        }
        switch (outcome.outcome, outcome.httpStatus ?? 0) {
        case (.delivered, _): return read
        case (.park, 300...399):
            return problem(
                "redirects: \(said)",
                hint:
                    "set url to where it redirects to (curl -sI \(remote.url) shows it): redirects are not followed, the token would go along"
            )
        case (.park, _):
            return problem("refuses the token: \(said)", hint: "put the right token into \(remote.credential.place)", area: .credentials)
        case (.throttled, _):
            return Inspection.Finding(
                severity: .warning, area: .remote, text: text("says to wait, so the token is not tried: \(said)"),
                hint: outcome.notBefore.map { "try again after \($0.iso8601)" } ?? "try again later")
        case (.retry, 500...), (.interrupted, _):
            return problem(
                "does not work at present: \(said)", hint: "nothing is wrong here; try again later, or see its status page")
        case (_, 200...299):
            return problem("does not respond as the API does: \(said)", hint: "something else stands there? Correct \(whereItLeads)")
        case (.gone, _):
            return problem("says that this does not exist: \(said)", hint: "the path is wrong? Correct \(whereItLeads)")
        case (.retry, _): return problem("does not respond properly: \(said)", hint: "try again later")
        case (.dead, _):
            return Inspection.Finding(
                severity: .warning, area: .remote, text: text("does not take the call: \(said)"), hint: "look at \(whereItLeads)")
        }
    }

    private var read: Inspection.Finding {
        if case .refused(let reason) = reading {
            return problem("responds, but not as the API does: \(reason)", hint: "something else stands there? Correct \(whereItLeads)")
        }
        return Inspection.Finding(severity: .ok, area: .remote, text: text("accepts the token"))
    }

    private func text(_ what: String) -> String { "\(name), asked with \(call.method) \(call.path.prefix { $0 != "?" }), \(what)" }

    private func problem(_ what: String, hint: String, area: Inspection.Finding.Area = .remote) -> Inspection.Finding {
        Inspection.Finding(severity: .problem, area: area, text: text(what), hint: hint)
    }

    /// The keys that make up the address.
    private var whereItLeads: String {
        let template = remote.profile.paths[call.operation] ?? ""
        let own = remote.kind.keys.filter { key in key.placeholder.map { template.firstRange(of: "{\($0)}") != nil } ?? false }
        let others = own.map { ", or \(name).\($0.name)" }.joined()
        return "\(name).url (\(remote.url)) or \(name).paths.\(call.operation) (\(template))\(others)"
    }
}

extension OnlineVerdict {
    /// What to do if there was no response.
    func remedy(for failure: TransportFailure) -> String {
        let host = RemoteURL.host(of: remote.url) ?? remote.url
        switch failure.kind {
        case .nameResolution: return "correct the host name in \(name).url, or the name resolution of this machine: getent hosts \(host)"
        case .connectionRefused:
            return "nothing answers there: correct host and port of \(name).url (\(remote.url)), or look at a firewall and at the remote"
        case .connectTimeout:
            return
                "no connection within \(remote.limits.connectTimeout.notation) (\(name).timeouts.connect): look at host and port of \(name).url, "
                + "at the way there and at a firewall"
        case .timeout:
            return "it takes connections and says nothing in time: try again later, or raise \(name).timeouts"
        case .connectionClosed:
            return "whatever answers there closes the connection: correct scheme and port of \(name).url (\(remote.url))"
        case .invalidResponse: return "what answers there does not speak HTTP: correct scheme and port of \(name).url (\(remote.url))"
        case .responseTooLarge: return "raise \(name).max_response_size"
        case .tls: return remedy(for: failure.security ?? .other, at: host)
        case .invalidRequest: return "correct the keys of \(name): one has a value that cannot be a part of a request"
        case .cancelled, .other: return "try again later"
        }
    }

    private func remedy(for problem: TransportFailure.SecurityProblem, at host: String) -> String {
        switch problem {
        case .selfSigned, .unknownAuthority:
            "for an authority of your own: put its certificate into /usr/local/share/ca-certificates, update-ca-certificates, restart the "
                + "service; otherwise find out who answers in place of \(host)"
        case .expired: "have the certificate of \(host) renewed; if it was, the clock of this machine is wrong (timedatectl)"
        case .notYetValid: "look at the clock of this machine (timedatectl); if it is right, \(host) needs another certificate"
        case .otherName: "write a host name into \(name).url that the certificate is for, or have one issued for \(host)"
        case .notSpoken: "correct scheme and port of \(name).url (\(remote.url))"
        case .wantsCertificate: "client certificates are not supported: have \(host) accept the token alone, or put a proxy before it"
        case .refused, .other: "correct host and port of \(name).url (\(remote.url)); openssl s_client -connect \(host):443 shows more"
        }
    }
}

extension CredentialSource {
    /// The place of the token, for people.
    var place: String {
        switch self {
        case .file(let path): path
        case .systemd(let name): "the systemd credential \(name)"
        case .environment(let variable): "the environment variable \(variable)"
        }
    }
}
