import SyncCore

/// The result of a simulation.
package struct SimulationResult: Sendable {
    package let seed: UInt64
    /// The conditions that did not hold; empty where all did.
    package let problems: [String]
    /// What the seed decided, and what happened, in one line.
    package let summary: String
    /// The virtual time that passed.
    package let span: Duration
    /// Events that the engine got.
    package let steps: Int
    /// Two simulations with the same trace have the same number; nil: no trace was made.
    package let trace: UInt64?
    package let coverage: Coverage
    /// What happened, and how often.
    package let counts: [String: Int]

    /// Runs the simulation of a seed to its end.
    package static func of(seed: UInt64, _ trace: Trace.Detail = .none) async -> SimulationResult {
        do {
            let simulation = try Simulation(seed: seed, trace)
            do {
                return SimulationResult(simulation, problems: try await simulation.run())
            } catch {
                return SimulationResult(simulation, problems: simulation.checks.problems + ["it ended with an error: \(error)"])
            }
        } catch {
            return SimulationResult(
                seed: seed, problems: ["it did not begin: \(error)"], summary: "seed \(seed)", span: .zero, steps: 0, trace: nil,
                coverage: Coverage(), counts: [:])
        }
    }

    private init(_ simulation: Simulation, problems: [String]) {
        self.init(
            seed: simulation.seed, problems: problems, summary: simulation.summary, span: simulation.clock.uptime, steps: simulation.events,
            trace: simulation.trace.isKept ? simulation.trace.hash : nil, coverage: simulation.coverage,
            counts: simulation.counts)
    }

    private init(
        seed: UInt64, problems: [String], summary: String, span: Duration, steps: Int, trace: UInt64?, coverage: Coverage,
        counts: [String: Int]
    ) {
        (self.seed, self.problems, self.summary) = (seed, problems, summary)
        (self.span, self.steps) = (span, steps)
        (self.trace, self.coverage, self.counts) = (trace, coverage, counts)
    }
}
