import SyncEngine

/// Which events have met which phases of the engine's machines.
package struct Coverage: Sendable {
    /// An event that meets a machine in a phase.
    private struct Pair: Hashable {
        let event: String
        let phase: Engine.Phase
    }

    private var pairs: [Pair: Int] = [:]

    package init() {}

    mutating func met(_ event: Engine.Event, _ phases: [Engine.Phase]) {
        let name = Coverage.name(of: event)
        for phase in phases { pairs[Pair(event: name, phase: phase), default: 0] += 1 }
    }

    package mutating func add(_ other: Coverage) { pairs.merge(other.pairs, uniquingKeysWith: +) }

    private static func name(of event: Engine.Event) -> String {
        switch event {
        case .databaseChanged: "database changed"
        case .alarmRang: "alarm"
        case .credentialReplaced: "credential replaced"
        case .exchanged(.success): "exchange succeeded"
        case .exchanged(.failure): "exchange failed"
        case .callEnded(_, .delivered(let outcome, _)): "call ended: \(outcome.outcome)"
        case .callEnded(_, .read(let outcome, _)): "read ended: \(outcome.outcome)"
        case .remoteEvents: "webhook"
        case .turnRequested: "turn requested"
        case .drainRequested: "drain requested"
        case .stopRequested: "stop requested"
        case .configured: "configured"
        }
    }

    /// A line for each machine: how many pairs were met of those between events and phases that were met at all, and which were not.
    package var lines: [String] {
        let events = Set(pairs.keys.map(\.event))
        let machines = Dictionary(grouping: Set(pairs.keys.map(\.phase)), by: \.machine)
        return machines.sorted { $0.key < $1.key }.map { machine, phases in
            let missing = phases.sorted { $0.name < $1.name }.map { phase in
                (phase.name, events.filter { pairs[Pair(event: $0, phase: phase)] == nil }.sorted())
            }
            let (all, met) = (events.count * phases.count, events.count * phases.count - missing.reduce(0) { $0 + $1.1.count })
            let rest = missing.filter { !$0.1.isEmpty }.map { "\($0.0) (\($0.1.joined(separator: ", ")))" }.joined(separator: "; ")
            return "\(machine): \(met) of \(all) pairs of event and phase\(rest.isEmpty ? "" : "; never: \(rest)")"
        }
    }
}
