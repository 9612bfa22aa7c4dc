@testable import SyncCore

extension TwoWayWorld {
    /// A world at rest in which the row was sent to every remote.
    static func atRest(
        _ remotes: [Remote], _ values: LocalValues, now: Instant = TwoWayWorld.second(10), tick: Int64 = 1,
        storedForm: @escaping @Sendable (String) -> String = { $0 }
    ) -> TwoWayWorld {
        var world = TwoWayWorld(remotes, values)
        (world.now, world.tick, world.storedForm) = (now, tick, storedForm)
        _ = world.settle()
        (world.calls, world.acts) = ([], [:])
        return world
    }

    /// The state of a world, without the timestamps that change with every read.
    private struct Standing: Equatable {
        var values: LocalValues
        var links: [LinkRecord]
        var objects: [Fields]

        init(_ world: TwoWayWorld) {
            values = world.local.values
            links = world.remotes.map { remote in
                var link = remote.link
                (link.lastHeardAt, link.checkedAt) = (nil, nil)
                return link
            }
            objects = world.remotes.map(\.object)
        }
    }

    /// Events stop: what is due is sent, and reads are accurate.
    /// - Returns: whether nothing was due in the end.
    mutating func settle(rounds: Int = 20) -> Bool {
        for _ in 0..<rounds {
            let before = Standing(self)
            for index in remotes.indices { deliver(index) }
            for index in remotes.indices { read(index) }
            if Standing(self) == before { return true }
        }
        return false
    }

    /// What is wrong with this world once nothing is due any more; nil where all is well.
    func wrongAtRest() -> String? {
        var world = self
        return world.settle() ? world.wrong() : "no rest"
    }

    /// What is wrong with a world at rest.
    func wrong() -> String? {
        if let problem { return problem }
        for remote in remotes {
            if let wrong = wrong(remote) { return "\(remote.kind.name): \(wrong)" }
        }
        for (attribute, act) in acts where act.said == nil && !shows(act, attribute) {
            return "an act on \(attribute) was lost without a word: \(act), now \(local.values)"
        }
        return nil
    }

    private func wrong(_ remote: Remote) -> String? {
        let decision = TwoWayDecision(remote.link, local, remote.rules, now: now)
        if !decision.send.isEmpty || decision.local != local { return "something is still due: \(decision)" }
        let visible = remote.visible(remote.object)
        if visible.contains(where: { remote.link[$0.key].held != .value($0.value) }) { return "holds something that is not known" }
        let reasons = Set(decision.findings.filter { $0.kind != .adopted && $0.kind != .fits && $0.kind != .conflictLost }.map(\.attribute))
        if !reasons.contains(.status), remote.link["word"].note == nil, !statusFits(remote) { return "status differs without a reason" }
        if !reasons.contains(.assignee), !userFits(remote) { return "user differs without a reason" }
        if !reasons.contains(.title), !titleFits(remote) { return "title differs without a reason" }
        return nil
    }

    /// Whether the status value at the remote matches the local row. An assignee who is not ours to remove explains another owner.
    private func statusFits(_ remote: Remote) -> Bool {
        guard let word = remote.object["word"]?.stringValue, remote.rules.lens.inbound[word] != nil else { return true }
        let claim = remote.rules.put(word, user: remote.object["user"], onto: local.values)
        let difference = claim.difference(from: local.values)
        guard let user = remote.rules.name(of: .user) else { return difference.isEmpty }
        let isExplained = remote.link[user].note != nil || !remote.link[user].isByUs
        return difference.isEmpty || (difference == [.assignee] && isExplained)
    }

    private func userFits(_ remote: Remote) -> Bool {
        guard let field = remote.rules.fields.first(where: { $0.role == .user }), field.isWritable, remote.link[field.name].note == nil
        else { return true }
        let wanted = remote.rules.seats.user(of: local.values.assigneeID)
        return remote.object[field.name] == wanted || (wanted == .null && !remote.link[field.name].isByUs)
    }

    private func titleFits(_ remote: Remote) -> Bool {
        guard let name = remote.rules.name(of: .title), remote.link[name].note == nil, remote.link[name].ours != .noStatement else {
            return true
        }
        return remote.object[name] == .nullable(local.values.title)
    }
}
