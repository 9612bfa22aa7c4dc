import SandboxModel
import SyncCore
import SyncEngine
import SyncRemotes
import SyncStore
import Testing

@testable import SyncSimulator

/// A world in which nothing happens but what a test does, one thing after the other: four remotes, three of them read every 20 seconds, and
/// a conversation `c0` that is at all of them, open and nobody's.
final class Story {
    static let id = "c0"

    let world: Simulation

    /// At rest, with everything delivered that is there at the beginning.
    init(
        adopting fields: Set<AdoptionPolicy.Field> = [.status], conflict: AdoptionPolicy.Conflict = .newest,
        reopening: AdoptionPolicy.Reopening = .message, isUnguarded: Bool = false
    ) async throws {
        let remotes = Kinds.all.map { kind in
            WorldPlan.remote(
                kind,
                WorldPlan.RemoteSettings(
                    adoption: AdoptionPolicy(
                        fields: fields.intersection(Set(kind.adoptable)), conflict: conflict, reopening: reopening),
                    gate: RemoteGate.Settings(concurrency: 4), limits: HTTPLimits(),
                    poll: kind.isReadable ? PollSettings(interval: .seconds(20), pages: 2, rotate: 4) : nil, isUnguarded: isUnguarded))
        }
        let plan = WorldPlan(
            remotes: remotes,
            settings: Engine.Settings(
                interval: .minutes(1), debounce: .milliseconds(50), stall: .milliseconds(200),
                retry: RetryPolicy(base: .minutes(2), cap: .minutes(2), maximumAttempts: 10_000), brake: .init(), retention: .init()),
            conversations: [Story.id])
        world = try Simulation(plan, seed: 1, .hashed)
        try await world.application.populate(plan)
        world.after(.zero, .daemonStarts)
        try await settle()
    }

    // MARK: Events

    /// Lets time pass until everything is delivered and read, and nothing changes any more.
    func settle(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        _ = try await world.comeToRest(andMore: .zero, round: .seconds(5))
        #expect(world.checks.problems.isEmpty, sourceLocation: sourceLocation)
    }

    func run(for span: Duration) async throws { try await world.run(until: world.clock.uptime + span) }

    /// The application changes columns of the conversation.
    /// - Parameter isSeen: the service learns that the file has changed.
    func change(_ assignments: SQL, isSeen: Bool = true) async throws {
        try await world.application.change([Story.id], assignments)
        if isSeen { world.committed() }
    }

    /// Somebody at a remote changes fields of the object there.
    func people(at remote: String, _ fields: [String: SandboxJSON]) throws {
        _ = try world.remotes.act(at: object(at: remote), fields, now: world.clock.truth)
    }

    /// The remote says that it is to be read.
    func callWebhook(of remote: String) async throws {
        let id = RemoteSystems.id(of: Story.id, at: remote)
        try await world.receive([.changed(remoteID: id, agentID: remote == "vg" ? WorldPlan.agent : nil)], from: remote)
    }

    // MARK: Results

    private func object(at remote: String) -> RemoteSystems.Object { .init(remote: remote, conversation: Story.id) }

    func state(at remote: String) -> SandboxJSON? { world.remotes.state(object(at: remote)) }

    /// `status|assignee`.
    var local: String? {
        get async throws {
            try await world.application.lines("SELECT status, assignee_id FROM conversations WHERE id = \(Story.id)", columns: 2).first
        }
    }

    /// `remote|value` of each, in order.
    var adopted: [String] {
        get async throws { try await world.application.lines("SELECT remote, word FROM adopted_changes ORDER BY id", columns: 2) }
    }

    /// Calls that were sent to helpdesk, voicebot and vg.
    var writes: [Int] { ["helpdesk", "voicebot", "vg"].map { world.remotes.writes[object(at: $0)] ?? 0 } }

    /// `remote body` of the calls whose rows were planned after those before, by remote.
    func bodies(after row: Int) async throws -> [String] {
        try await world.application.lines("SELECT remote, body FROM outbox WHERE id > \(row) ORDER BY remote", columns: 2)
    }

    func lastRow() async throws -> Int { try await world.application.number("SELECT max(id) FROM outbox") }

    /// Everybody agrees.
    func expectAgreement(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await world.expectAgreement()
        #expect(world.checks.problems.isEmpty, sourceLocation: sourceLocation)
    }
}
