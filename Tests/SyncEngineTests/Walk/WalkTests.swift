import FoundationEssentials
import Testing

/// The whole engine over the simulated remotes, in virtual time. Everything in a walk follows from its seed; to examine one:
///
/// ```
/// CONVOSYNC_WALK_SEED=17 CONVOSYNC_WALK_TRACE=1 swift test --filter WalkTests
/// CONVOSYNC_WALK_SEED=1000 CONVOSYNC_WALK_COUNT=500 swift test --filter WalkTests
/// ```
@Suite(.serialized) struct WalkTests {
    private static let environment = ProcessInfo.processInfo.environment

    private static var seeds: [UInt64] {
        let first = environment["CONVOSYNC_WALK_SEED"].flatMap { UInt64($0) }
        let count = environment["CONVOSYNC_WALK_COUNT"].flatMap { UInt64($0) } ?? (first == nil ? 8 : 1)
        return Array((first ?? 1)..<(first ?? 1) + count)
    }

    @Test(arguments: seeds)
    func `after a random walk nothing is left to do, and all remotes have the right state`(seed: UInt64) async throws {
        let world = try WalkWorld(seed: seed, isPrinted: WalkTests.environment["CONVOSYNC_WALK_TRACE"] != nil)
        let problems = try await world.walk()
        #expect(problems.isEmpty, "seed \(seed), \(world.plan.summary): \(problems.joined(separator: "\n"))")
        print("walk: \(world.summary)")
    }

    @Test(arguments: [UInt64(3), 5])
    func `a seed repeats to the byte`(seed: UInt64) async throws {
        let first = try WalkWorld(seed: seed)
        _ = try await first.walk()
        let second = try WalkWorld(seed: seed)
        _ = try await second.walk()
        #expect(first.trace.count > 100)
        #expect(first.trace.hash == second.trace.hash && first.trace.count == second.trace.count)
    }
}
