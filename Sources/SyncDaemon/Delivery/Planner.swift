import SyncCore
import SyncRemotes
import SyncStore

/// Puts the remotes' adapters behind the closures that the store plans and reconciles with.
package struct Planner: Sendable {
    private let adapters: [String: any Adapter]
    private let remotes: [RemoteParticipation]
    private let random: RandomSource
    private let brake: Brake.Settings

    package init(configuration: Configuration, random: RandomSource) {
        adapters = Dictionary(
            uniqueKeysWithValues: configuration.remotes.map { ($0.name, $0.adapter) })
        remotes = configuration.remotes.map(\.participation)
        self.random = random
        brake = configuration.brake
    }

    package func context(runID: Int64, now: Instant, hold: Hold? = nil) -> PlanContext {
        let adapters = adapters
        let random = random
        var context = PlanContext(
            remotes: remotes, runID: runID, now: now, hold: hold,
            decide: { snapshot in
                adapters[snapshot.remote]?.plan(snapshot)
                    ?? LinkPlan(
                        decision: .upToDate(omissions: []),
                        outcome: TwoWayOutcome(
                            record: snapshot.record, changedAt: snapshot.now, numbers: snapshot.local.numbers,
                            verdict: Verdict(kind: .silent, rule: "not configured")))
            },
            decideMessage: { adapters[$0.remote]?.plan($0) ?? .upToDate(omissions: []) },
            newIdempotencyKey: { random.uuid() })
        context.brake = brake
        return context
    }

    /// What reconciling the reports of these remotes needs.
    package func inbound(now: Instant) -> InboundContext {
        let adapters = adapters
        return InboundContext(remotes: remotes, now: now, brake: brake) { adapters[$0] }
    }
}
