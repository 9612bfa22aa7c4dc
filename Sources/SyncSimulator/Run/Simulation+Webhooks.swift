import SandboxModel
import SyncCore
import SyncEngine
import SyncRemotes
import SyncStore

/// Webhook calls on their way to the daemon.
extension Simulation {
    func send(_ hook: SandboxModel.WebhookCall, _ remote: String) {
        let delay = Duration.milliseconds(hook.delayMilliseconds)
        if !isCalm, chance(plan.lostHooks) { return count("webhook calls that got lost") }
        after(delay + span(1...(chance(80) ? 50 : 8000)), .webhook(hook, remote: remote))
        if !isCalm, chance(10) { after(delay + span(1...5000), .webhook(hook, remote: remote)) }
        if !isCalm, chance(plan.forgedHooks) { expectRefused(hook, remote) }
    }

    /// Somebody who does not know the secret sends the call with other contents, or without proof.
    private func expectRefused(_ hook: SandboxModel.WebhookCall, _ name: String) {
        guard let remote = plan.remotes.first(where: { $0.name == name }), let scheme = remote.kind.webhook else { return }
        count("forged webhook calls")
        let reader = WebhookReader(scheme, own: remote.profile.own, secret: WebhookSecret(WorldPlan.secret))
        guard let header = reader.proofHeader, let proof = hook.headers[header] else { return }
        var forgeries: [(body: [UInt8], proof: String?)] = [nil, "", String(proof.dropLast()) + "~"].map { (hook.body, $0) }
        // A secret that is sent as it is proves nothing about the contents.
        if case .signature = scheme.proof(remote.profile.own) { forgeries.append((hook.body + [UInt8(ascii: " ")], proof)) }
        for forgery in forgeries where (try? reader.read(forgery.body, proof: forgery.proof)) != nil {
            fail("a forged webhook call of \(name) was taken")
        }
    }

    func receive(_ hook: SandboxModel.WebhookCall, _ name: String) async throws {
        guard let process = daemon, process.engine != nil,
            let remote = process.configured.first(where: { $0.name == name && $0.isEnabled }), let scheme = remote.kind.webhook
        else { return }
        let reader = WebhookReader(scheme, own: remote.profile.own, secret: WebhookSecret(WorldPlan.secret))
        let reading: WebhookReading
        do throws(WebhookRejection) {
            reading = try reader.read(hook.body, proof: reader.proofHeader.flatMap { hook.headers[$0] })
        } catch {
            return fail("a webhook call of \(name) was refused: \(error)")
        }
        guard var notices = reading.notices, !notices.isEmpty else { return }
        if !isCalm, remote.kind.operations.contains(where: { $0.role == .list }), chance(plan.vagueHooks) { notices = [.somethingChanged] }
        count("webhook calls")
        try await receive(notices, from: name, hook)
    }

    /// - Parameter hook: the call that says it; it comes again when the engine wants that.
    func receive(_ notices: [Notice], from remote: String, _ hook: SandboxModel.WebhookCall? = nil) async throws {
        guard let process = daemon else { return }
        process.nextTicket += 1
        process.hooks[process.nextTicket] = (hook, remote, notices.compactMap(\.key))
        mutateChecks { $0.disturbed(at: clock.uptime) }
        try await handle(.remoteEvents(process.nextTicket, remote, notices), process)
    }

    func respond(_ ticket: UInt64, _ new: Int?, _ process: ServiceProcess) {
        note("respond \(ticket) \(new.map { "\($0)" } ?? "-")")
        guard let (hook, remote, keys) = process.hooks.removeValue(forKey: ticket) else {
            return fail("ticket \(ticket) got two responses")
        }
        if new != nil { acknowledgedEvents.formUnion(keys) }
        // A sender that is told to repeat a call usually does so.
        if new == nil, let hook, isCalm || chance(80) { after(span(1000...10_000), .webhook(hook, remote: remote)) }
    }
}

extension WebhookReading {
    fileprivate var notices: [Notice]? {
        switch self {
        case .notices(let notices), .partial(let notices, _, _): notices
        case .ignored: nil
        }
    }
}
