import SyncCore

extension Engine {
    /// The phase that a machine of the engine is in.
    package struct Phase: Hashable, Sendable {
        package let machine: String
        package let name: String

        /// Every phase that there is.
        package static let all: [Phase] = [
            ("life", ["running", "draining", "stopping", "stopped"]), ("exchange", ["none", "in progress", "failed"]),
            ("turn", ["none", "open", "planning"]), ("gate", ["open", "paused", "parked", "throttled", "broken", "probing"]),
            ("lane", ["idle", "rows at hand", "calling", "calling with rows at hand", "undecided", "outcomes to store", "retired"]),
            ("reader", ["idle", "preparing", "listing", "comparing", "reading", "reports to store"]),
        ].flatMap { machine, names in names.map { Phase(machine: machine, name: $0) } }
    }

    /// The phases of all machines, for a simulator that counts which events meet which phases. Changes nothing.
    package var phases: [Phase] {
        var phases = [
            Phase(machine: "life", name: hasStopped ? "stopped" : stopAt != nil ? "stopping" : drain != nil ? "draining" : "running"),
            Phase(machine: "exchange", name: exchange.isInProgress ? "in progress" : exchange.isFailing ? "failed" : "none"),
            Phase(machine: "turn", name: turn == nil ? "none" : schedule.isPlanning ? "planning" : "open"),
        ]
        for remote in remotes {
            phases.append(Phase(machine: "gate", name: remote.lane.gatePhase))
            phases.append(Phase(machine: "lane", name: remote.lane.phase))
            if let reader = remote.reader { phases.append(Phase(machine: "reader", name: reader.phase)) }
        }
        return phases
    }
}

extension Lane {
    fileprivate var gatePhase: String {
        if orders?.isPaused == true { return "paused" }
        if gate.parkedAt != nil { return "parked" }
        if gate.throttledUntil != nil { return "throttled" }
        switch gate.breaker.state {
        case .closed: return "open"
        case .open: return "broken"
        case .halfOpen: return "probing"
        }
    }

    fileprivate var phase: String {
        if isRetired { return "retired" }
        if absences.isReading { return "undecided" }
        if !inFlight.isEmpty || !readsBeforeWrites.isEmpty { return buffer.isEmpty ? "calling" : "calling with rows at hand" }
        if !buffer.isEmpty { return "rows at hand" }
        return finished.isEmpty && committing.isEmpty ? "idle" : "outcomes to store"
    }
}

extension Reader {
    fileprivate var phase: String { cycle?.phaseName ?? (isIdle ? "idle" : "reports to store") }
}
