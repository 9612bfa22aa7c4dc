import SyncCore
import SyncEngine
import SyncHTTP
import SyncStore
import Testing

@testable import SyncDaemon

/// An engine on a real store, in front of one transport for all remotes. A test drives it drain by drain; rows that fall due meanwhile are
/// not waited for.
struct TestEngine {
    let owner: EngineOwner

    /// - Parameter now: the time of both clocks.
    init(
        _ configuration: SyncDaemon.Configuration, store: Store, log: EventLog, seed: UInt64 = 1,
        now: @escaping @Sendable () -> Now = SystemClock.time, transport: any HTTPTransport
    ) async throws {
        var parts = EngineOwner.Parts(store: store, log: log)
        parts.seed = seed
        parts.now = now
        parts.makeTransport = { _, _ in transport }
        owner = try await EngineOwner.start(configuration, parts)
        owner.begin()
    }

    /// Returns when all due rows were attempted once and their outcomes are stored.
    @discardableResult
    func run() async throws -> Engine.DrainSummary {
        try #require(await owner.drain(), "the engine was stopped")
    }

    func stop(within bound: Duration = .zero) async {
        await owner.stop(within: bound)
    }
}
