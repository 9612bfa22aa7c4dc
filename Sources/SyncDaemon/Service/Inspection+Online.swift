import SyncCore
import SyncHTTP
import SyncRemotes
import SyncSQLite
import SyncStore

/// `check --online`: tests whether each remote accepts its credential, with a call that changes nothing there.
extension Inspection {
    func tryRemotes(of configuration: Configuration) async -> [Finding] {
        var findings: [Finding] = []
        for remote in configuration.enabledRemotes { findings.append(await trial(remote, of: configuration)) }
        return findings
    }

    /// The most conversations requested from a remote without a list. Several, because one that was deleted there does not mean that the path is
    /// wrong.
    private static let askedConversations = 3

    private func trial(_ remote: Remote, of configuration: Configuration) async -> Finding {
        let adapter = remote.adapter
        let credential: Credential
        do {
            credential = try remote.credential.read()
        } catch {
            return Finding(severity: .warning, area: .remote, text: "remotes.\(remote.name) was not tried: there is no token to try")
        }
        let calls: [OutboundCall]
        do {
            calls = try await harmlessCalls(of: remote, configuration)
        } catch {
            return Finding(severity: .ok, area: .remote, text: "remotes.\(remote.name) was not tried: \(error.reason)")
        }
        let transport = NetworkTransport(remote.limits)
        var finding: Finding?
        for call in calls {
            let (outcome, body) = await response(
                to: RemoteCall(remote: remote, credential: credential, purpose: .read(call)), over: transport)
            finding =
                OnlineVerdict(remote: remote, call: call, outcome: outcome, reading: body.map { reading(of: $0, call, adapter) }).finding
            if outcome.absence != .object { break }
        }
        await transport.shutdown()
        return finding ?? Finding(severity: .ok, area: .remote, text: "remotes.\(remote.name) was not tried: there is nothing to ask for")
    }

    private func response(to call: RemoteCall, over transport: NetworkTransport) async -> (outcome: DeliveryOutcome, body: JSONValue?) {
        let result: Result<HTTPReply, TransportFailure>
        do throws(TransportFailure) {
            result = .success(try await transport.send(call.request))
        } catch {
            result = .failure(error)
        }
        return call.read(result, now: SystemClock.now())
    }

    /// Why a remote cannot be called without changing something.
    private struct NothingToAsk: Error {
        let reason: String
    }

    /// Calls that change nothing at the remote: its list, or conversations that were acknowledged last.
    private func harmlessCalls(
        of remote: Remote, _ configuration: Configuration
    ) async throws(NothingToAsk) -> [OutboundCall] {
        switch remote.kind.trial {
        case .none(let reason): throw NothingToAsk(reason: reason)
        case .list(let reason):
            guard let call = remote.adapter.listCall(agent: nil, after: nil) else { throw NothingToAsk(reason: reason) }
            return [call]
        case .delivered(let reason):
            let known = await deliveredConversations(at: remote.name, configuration)
            guard !known.isEmpty else { throw NothingToAsk(reason: reason) }
            do throws(Unsendable) {
                var calls: [OutboundCall] = []
                for id in known { calls.append(try remote.adapter.readCall(conversationID: id, link: Link(remoteID: id))) }
                return calls
            } catch {
                throw NothingToAsk(reason: error.reason)
            }
        }
    }

    /// Without a readable database no conversations are known; the findings about the database report that.
    private func deliveredConversations(at remote: String, _ configuration: Configuration) async -> [String] {
        do {
            let store = try Store(path: configuration.databasePath, access: .reading)
            return try await store.recentlyAcknowledged(remote, limit: Inspection.askedConversations).map(\.remoteID)
        } catch {
            return []
        }
    }

    /// The problem of the body; `understood` for a list or a conversation.
    private func reading(of body: JSONValue, _ call: OutboundCall, _ adapter: any Adapter) -> OnlineVerdict.Reading {
        do throws(Unreadable) {
            if adapter.listCall(agent: nil, after: nil)?.operation == call.operation {
                _ = try adapter.page(in: body)
            } else {
                _ = try adapter.conversation(in: body)
            }
            return .understood
        } catch {
            return .refused(error.reason)
        }
    }
}
