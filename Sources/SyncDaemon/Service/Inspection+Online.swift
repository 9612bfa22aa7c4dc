import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// `check --online`: whether each remote takes its credential, by a call that changes nothing there.
extension Inspection {
    func tryRemotes(of configuration: Configuration) async -> [Finding] {
        var findings: [Finding] = []
        for remote in configuration.enabledRemotes { findings.append(await trial(remote, of: configuration)) }
        return findings
    }

    private func trial(_ remote: RemoteConfiguration, of configuration: Configuration) async -> Finding {
        let adapter = remote.kind.adapter(remote.profile)
        guard let credential = try? remote.credential.read() else {
            return Finding(severity: .warning, area: .remote, text: "remotes.\(remote.name) was not tried: there is no token to try")
        }
        do {
            let call = try await harmlessCall(of: remote, adapter, configuration)
            let transport = NetworkTransport(remote.limits)
            let courier = Courier(
                remote: remote, adapter: adapter, transport: transport, retry: configuration.retry, random: RandomSource(),
                now: SystemClock.now)
            let (outcome, body) = await courier.read(call, credential: credential)
            await transport.shutdown()
            return verdict(remote, call, outcome, hasBody: body != nil)
        } catch {
            return Finding(severity: .ok, area: .remote, text: "remotes.\(remote.name) was not tried: \(error.reason)")
        }
    }

    /// - Throws: a ``Refusal`` that says why there is none.
    private func harmlessCall(
        of remote: RemoteConfiguration, _ adapter: any RemoteAdapter, _ configuration: Configuration
    ) async throws(Refusal) -> OutboundCall {
        switch remote.kind {
        case .fin:
            throw Refusal("Fin's interface has no call that reads; the first message of a user shows whether the token is right")
        case .voicebot, .vg:
            guard let call = adapter.listCall(agent: nil, after: nil) else {
                throw Refusal("its list is kept by agent, and agent_id is not set")
            }
            return call
        case .helpdesk:
            // The interface has no list: a conversation is read that the helpdesk has acknowledged before.
            var known: String?
            if let store = try? Store(path: configuration.databasePath, access: .reading) {
                known = try? await store.acknowledgedConversation(at: remote.name)
            }
            guard let known else {
                throw Refusal(
                    "a helpdesk can only be asked for a conversation that it has, and none is known yet; the first delivery shows it")
            }
            return try adapter.readCall(conversationID: known, link: Link(remoteID: known))
        }
    }

    private func verdict(_ remote: RemoteConfiguration, _ call: OutboundCall, _ outcome: DeliveryOutcome, hasBody: Bool) -> Finding {
        let asked = "remotes.\(remote.name), asked with \(call.method) \(call.path.prefix { $0 != "?" })"
        let said = outcome.error ?? outcome.httpStatus.map { "HTTP \($0)" } ?? outcome.outcome.rawValue
        // Nothing was asked for that could have been deleted, but where there is no list.
        if outcome.absence != nil, remote.kind.hasList || outcome.absence == .route {
            return Finding(
                severity: .problem, area: .remote, text: "\(asked), knows nothing of that: \(said)",
                hint: "correct url, paths or agent_id of remotes.\(remote.name)")
        }
        switch outcome.outcome {
        case .delivered, .gone:
            return Finding(severity: .ok, area: .remote, text: "\(asked), takes the token")
        case .park:
            return Finding(
                severity: .problem, area: .credentials, text: "\(asked), refuses: \(said)",
                hint: "correct the token or the url of remotes.\(remote.name)")
        case .dead:
            return Finding(
                severity: .warning, area: .remote, text: "\(asked), gives a response that is not understood: \(said)",
                hint: "check url and paths of remotes.\(remote.name)")
        case .throttled:
            return Finding(severity: .ok, area: .remote, text: "\(asked), throttles: \(said)")
        case .retry, .interrupted:
            return Finding(severity: .problem, area: .remote, text: "\(asked), does not respond properly: \(said)", hint: "try again later")
        }
    }
}
