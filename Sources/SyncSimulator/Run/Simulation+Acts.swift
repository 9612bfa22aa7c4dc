import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

/// What somebody does outside of the service in the first phase.
extension Simulation {
    func act(_ number: Int) async throws {
        guard !isCalm else { return }
        actCount = number
        after(.milliseconds(self.number(1...Int(plan.spacing.milliseconds) * 2)), .act(number + 1))
        try await expectNoLostClaims()
        guard !omitted.contains(number) else { return }
        let id = plan.conversations[self.number(0...plan.conversations.count - 1)]
        switch self.number(0...99) {
        case 0..<32: try await change(id)
        case 32..<45: try await write(id)
        case 45..<54: try await rework(id)
        case 54..<76: try people(id)
        case 76..<82: try fin(id)
        case 82..<98: try await operate(id)
        default: if plan.killShare > 0, let process = running.randomElement(using: &random) { try await kill(process) }
        }
    }

    // MARK: People

    private func people(_ id: String) throws {
        guard plan.isTwoWay, let remote = plan.remotes.randomElement(using: &random), remote.kind.isReadable else { return }
        count("acts of people")
        let object = RemoteSystems.Object(remote: remote.name, conversation: id)
        let fields = remotes.change(of: object, mayUseUnmapped: plan.options.hasUnmappedValues, now: clock.truth, &random)
        guard !fields.isEmpty else { return }
        try people(at: object, fields)
    }

    /// - Parameter earlier: how long ago, as the remote dates it.
    func people(at object: RemoteSystems.Object, _ fields: [String: SandboxJSON], earlier: Duration = .zero) throws {
        tell("Somebody at \(object.remote) changes \(object.conversation) to \(SandboxJSON.object(fields).text).")
        for hook in try remotes.act(at: object, fields, now: clock.truth - earlier) { send(hook, object.remote) }
    }

    private func fin(_ id: String) throws {
        guard plan.isTwoWay, plan.remotes.contains(where: { $0.kind.receivesMessages }), !remotes.messages(id).isEmpty else { return }
        let word = RemoteSystems.wordsOfFin.randomElement(using: &random) ?? ""
        tell("Fin is \(word) in \(id).")
        for hook in try remotes.finActs(id, word, now: clock.truth) { send(hook, "fin") }
    }
}
