import SyncCore
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

    /// Every event that there is, see ``name(of:)``.
    private static let events =
        [
            "database changed", "alarm", "credential replaced", "exchange succeeded", "exchange failed", "webhook", "turn requested",
            "drain requested", "stop requested", "configured",
        ]
        + ["call", "read"].flatMap { kind in OutcomeClass.allCases.map { "\(kind) ended: \($0)" } }

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

    /// A line for each machine: how many pairs of an event and a phase were met, and which were not.
    package var lines: [String] {
        Dictionary(grouping: Engine.Phase.all, by: \.machine).sorted { $0.key < $1.key }.map { machine, phases in
            let missing = phases.map { phase in
                (phase.name, Coverage.events.filter { pairs[Pair(event: $0, phase: phase)] == nil }.sorted())
            }
            let all = Coverage.events.count * phases.count
            let rest = missing.filter { !$0.1.isEmpty }.map { "\($0.0) (\($0.1.joined(separator: ", ")))" }.joined(separator: "; ")
            return "\(machine): \(all - missing.reduce(0) { $0 + $1.1.count }) of \(all) pairs of event and phase"
                + (rest.isEmpty ? "" : "; never: \(rest)")
        }
    }

    /// What was met and is not known, so that it would not be counted.
    var unknown: [String] {
        pairs.keys.filter { !Coverage.events.contains($0.event) || !Engine.Phase.all.contains($0.phase) }
            .map { "\($0.event) in \($0.phase.machine) \($0.phase.name)" }.sorted()
    }
}
