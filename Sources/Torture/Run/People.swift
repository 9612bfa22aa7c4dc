import Fixtures
import Sandbox

/// People at the remotes: they pick up the shared conversations and finish them, each at one remote.
///
/// They act on what is agreed. A change while a call is in doubt is a conflict, which the simulated worlds of `SyncSimulator` have.
actor People {
    private let stage: Stage
    private let application: Application
    private var random: SeededGenerator
    /// Conversations that are not finished: the remote at which they are changed, and how often they will be.
    private var open: [Int: (remote: String, changes: Int)] = [:]
    private var known = 0

    init(_ stage: Stage, _ application: Application, seed: UInt64) {
        self.stage = stage
        self.application = application
        random = SeededGenerator(seed: seed)
    }

    /// Changes one conversation, if there is one on which everybody agrees.
    func step() async throws {
        for number in await application.shared.dropFirst(known) {
            known += 1
            let remote = ["helpdesk", "voicebot", "vg"].randomElement(using: &random) ?? "vg"
            open[number] = (remote, remote == "helpdesk" ? 1 : Int.random(in: 1...3, using: &random))
        }
        guard let number = open.keys.sorted().randomElement(using: &random), let (remote, changes) = open[number] else { return }
        guard try await isAgreed(number, at: remote) else { return }
        let (act, status) = Self.act(at: remote, isLast: changes == 1)
        var description = act
        description["conversation"] = .string(LocalName.remoteID(of: number, at: remote))
        if remote == "vg" { description["agent"] = "a1" }
        try stage.sandbox.act(.object(description), on: remote)
        await application.noteAct(on: "c\(number)", endsWith: status)
        open[number] = changes == 1 ? nil : (remote, changes - 1)
    }

    /// - Returns: what is changed, and the local status that follows from the last change.
    private static func act(at remote: String, isLast: Bool) -> ([String: SandboxJSON], String?) {
        switch remote {
        case "voicebot":
            isLast ? (["status": "done"], "closed") : (["status": "in-progress", "user_id": .integer(Teammate.atVoicebot)], nil)
        case "vg": isLast ? (["state": "ended_chat"], "ended") : (["state": "human-chatting"], nil)
        default: (["status": "resolved"], "resolved")
        }
    }

    private func isAgreed(_ number: Int, at remote: String) async throws -> Bool {
        guard stage.world.state(of: remote, conversation: LocalName.remoteID(of: number, at: remote)) != nil else { return false }
        let waiting = try await stage.application.onThread {
            try $0.number(
                """
                SELECT (SELECT count(*) FROM outbox WHERE conversation_id = ?1
                    AND state NOT IN ('delivered', 'superseded', 'discarded'))
                    + (SELECT count(*) FROM change_feed WHERE conversation_id = ?1)
                """, ["c\(number)"])
        }
        return waiting == 0
    }
}
