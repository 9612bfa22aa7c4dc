import Testing

@testable import SyncSimulator

/// Whole simulations; `make sim` runs as many as one likes. To examine one: `swift run convosync-simulator --first 17 --trace`.
@Suite(.ownThread) struct SimulationTests {
    /// A busy world of minutes, and some of hours. In 27 a process is suspended in the middle of an exchange, until others have taken its rows; in
    /// 691 the brake has let something pass, and nothing waits; in 753 a throttle follows a resume.
    @Test(arguments: [UInt64(1), 2, 4, 7, 27, 691, 753])
    func `when things have calmed down nothing is left to do, and all remotes have the right state`(seed: UInt64) async {
        let result = await SimulationResult.of(seed: seed)
        #expect(result.problems.isEmpty, "\(result.summary): \(result.problems.joined(separator: "\n"))")
        #expect(result.steps > 100)
        #expect(result.coverage.unknown == [], "a phase or an event is missing in the lists")
    }

    @Test(arguments: [UInt64(7)])
    func `a seed repeats to the byte`(seed: UInt64) async {
        let (first, second) = (await SimulationResult.of(seed: seed, .hashed), await SimulationResult.of(seed: seed, .hashed))
        #expect(first.trace != nil && first.trace == second.trace)
        #expect(first.summary == second.summary)
        #expect(await SimulationResult.of(seed: 1, .hashed).trace != first.trace)
    }
}
