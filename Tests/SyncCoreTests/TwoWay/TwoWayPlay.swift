import Testing

@testable import SyncCore

/// A short history, written step by step.
struct TwoWayPlay {
    var world: TwoWayWorld
    /// The reception of the last report, and the findings of the decision that followed.
    private(set) var reception: LinkRecord.Reception?
    private(set) var findings: [TwoWayDecision.Finding.Kind] = []

    /// - Parameter isTold: whether the row has been sent to the remotes already.
    init(
        _ remotes: TwoWayWorld.Remote..., row: LocalValues = LocalValues(status: .open, assigneeID: TwoWayKind.ai), isTold: Bool = true,
        now: Instant = TwoWayWorld.second(10), storedForm: @escaping @Sendable (String) -> String = { $0 }
    ) {
        world =
            isTold
            ? TwoWayWorld.atRest(remotes, row, now: now, storedForm: storedForm) : TwoWayWorld(remotes, row)
    }

    /// A report with chosen values and dates; the object is changed to them.
    mutating func hear(_ index: Int, _ values: Fields, date: Instant? = nil, began: Instant? = nil) {
        world.pass()
        let remote = world.remotes[index]
        let object = remote.object.merging(values) { $1 }
        let report = FieldReport(values: remote.visible(object), date: date, began: began ?? world.now)
        let reception = world.remotes[index].link.take(report, remote.rules, now: world.now)
        let isConfirmed = reception == .believed
        let decision = TwoWayDecision(world.remotes[index].link, world.local, remote.rules, now: world.now, isConfirmed: isConfirmed)
        (self.reception, findings) = (reception, decision.findings.map(\.kind))
        (world.remotes[index].link, world.local, world.remotes[index].object) = (decision.link, decision.local, object)
    }

    /// Reads that show the same older state until it is accepted: a backup was restored.
    mutating func hearBackup(_ values: Fields, date: Instant, sourceLocation: SourceLocation = #_sourceLocation) {
        for expected in [LinkRecord.Reception.stale, .stale, .rolledBack] {
            hear(0, values, date: date)
            #expect(reception == expected, sourceLocation: sourceLocation)
        }
    }

    var status: LocalStatus { world.local.values.status }
    var assignee: String? { world.local.values.assigneeID }
    var title: String? { world.local.values.title }
    /// The fields of all calls, in order.
    var sent: [Fields] { world.calls.map(\.sent) }

    func field(_ name: String, of index: Int = 0) -> FieldRecord { world.remotes[index].link[name] }
}

extension TwoWayWorld.Remote {
    static let voicebot = TwoWayWorld.Remote(.voicebot)
    static let vg = TwoWayWorld.Remote(.vg)
    static let helpdesk = TwoWayWorld.Remote(.helpdesk)

    func with(_ change: (inout AdoptionPolicy) -> Void) -> TwoWayWorld.Remote {
        var remote = self
        change(&remote.rules.policy)
        return remote
    }

    /// The same kind with one more person who has an account there.
    func seating(_ assignee: String, _ user: JSONValue) -> TwoWayWorld.Remote {
        var kind = kind
        kind.seats[assignee] = user
        return TwoWayWorld.Remote(kind, rules.policy)
    }
}
