import SyncCore

/// The participants of an exchange and how decisions about them are made. Made once from a configuration, and passed with every exchange.
package struct Parties: Sendable {
    package let remotes: [RemoteParticipation]
    /// Limits what is planned, and the finished statuses that are adopted.
    package let brake: Brake.Settings
    /// True for a process that is certainly not running any more.
    let isGone: @Sendable (ProcessIdentity) -> Bool
    /// The clock that ``SyncCore/Exchange/uptime`` was read from; nil: no time passes between an exchange and its transaction.
    let uptime: (@Sendable () -> Duration)?
    private let decide: @Sendable (LinkSnapshot) -> LinkPlan
    private let decideMessage: @Sendable (MessageSnapshot) -> PlanDecision
    private let decisions: @Sendable (String) -> (any LinkDecisions)?

    package init(
        _ remotes: [Remote], brake: Brake.Settings, isGone: @escaping @Sendable (ProcessIdentity) -> Bool,
        uptime: (@Sendable () -> Duration)? = nil
    ) {
        let adapters = Dictionary(remotes.map { ($0.name, $0.adapter) }) { first, _ in first }
        self.init(
            remotes.map(\.participation), brake: brake,
            decide: { snapshot in adapters[snapshot.remote]?.plan(snapshot) ?? LinkPlan(notConfigured: snapshot) },
            decideMessage: { adapters[$0.remote]?.plan($0) ?? .upToDate(omissions: []) }, decisions: { adapters[$0] }, isGone: isGone,
            uptime: uptime)
    }

    /// - Parameters:
    ///   - decide: plans a conversation at a remote.
    ///   - decideMessage: plans a message for a remote.
    ///   - decisions: returns those of a remote by its name; nil for one that is not configured.
    package init(
        _ remotes: [RemoteParticipation], brake: Brake.Settings, decide: @escaping @Sendable (LinkSnapshot) -> LinkPlan,
        decideMessage: @escaping @Sendable (MessageSnapshot) -> PlanDecision,
        decisions: @escaping @Sendable (String) -> (any LinkDecisions)?, isGone: @escaping @Sendable (ProcessIdentity) -> Bool,
        uptime: (@Sendable () -> Duration)? = nil
    ) {
        self.remotes = remotes
        self.brake = brake
        self.isGone = isGone
        self.uptime = uptime
        self.decide = decide
        self.decideMessage = decideMessage
        self.decisions = decisions
    }

    /// - Parameter hold: set if the rows are to be written as held.
    package func planContext(now: Instant, hold: Hold? = nil) -> PlanContext {
        PlanContext(remotes: remotes, now: now, hold: hold, brake: brake, decide: decide, decideMessage: decideMessage)
    }

    package func inboundContext(now: Instant) -> InboundContext {
        InboundContext(remotes: remotes, now: now, brake: brake, decisions: decisions)
    }
}

extension LinkPlan {
    /// Nothing is planned for a remote that is not configured.
    fileprivate init(notConfigured snapshot: LinkSnapshot) {
        self.init(
            decision: .upToDate(omissions: []),
            outcome: TwoWayOutcome(
                record: snapshot.record, changedAt: snapshot.now, numbers: snapshot.local.numbers,
                verdict: Verdict(kind: .silent, rule: "not configured")))
    }
}
