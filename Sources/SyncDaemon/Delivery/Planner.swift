import SyncCore
import SyncRemotes
import SyncStore

/// Puts the remotes' adapters behind the closures that the store plans and reconciles with.
package struct Planner: Sendable {
    private let adapters: [String: any RemoteAdapter]
    private let remotes: [RemoteParticipation]
    private let random: RandomSource

    package init(configuration: Configuration, random: RandomSource) {
        adapters = Dictionary(
            uniqueKeysWithValues: configuration.remotes.map { ($0.name, $0.kind.adapter($0.profile)) })
        remotes = configuration.remotes.map(\.participation)
        self.random = random
    }

    package func context(runID: Int64, now: Instant, hold: Hold? = nil) -> PlanContext {
        let adapters = adapters
        let random = random
        return PlanContext(
            remotes: remotes, runID: runID, now: now, hold: hold,
            decide: { adapters[$0.remote]?.plan($0) ?? .upToDate(omissions: []) },
            decideMessage: { adapters[$0.remote]?.plan($0) ?? .upToDate(omissions: []) },
            newIdempotencyKey: { random.uuid() })
    }

    /// What reconciling the reports of these remotes needs.
    package func inbound(now: Instant) -> InboundContext {
        let adapters = adapters
        return InboundContext(remotes: remotes, now: now) { snapshot in
            adapters[snapshot.remote]?.reconcile(snapshot)
                ?? Verdict(kind: .silent, rule: "not configured", base: snapshot.knowledge.base, seen: snapshot.knowledge.seen)
        }
    }
}
