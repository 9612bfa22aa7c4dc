import SyncCore
import Testing

@testable import SyncSimulator

/// How a world becomes smaller in which a condition does not hold.
@Suite(.ownThread) struct ShrinkerTests {
    private let plan: WorldPlan

    init() {
        var random = SplitMix64(seed: 1)
        var plan = WorldPlan(&random)
        (plan.faultShare, plan.killShare, plan.isHostile, plan.length) = (20, 50, true, .minutes(8))
        self.plan = plan
    }

    @Test func `only what the condition needs is left`() async throws {
        let whole = plan
        let shrinker = await Shrinker(whole) { plan, omitted in
            // Two of a hundred acts, a kind of fault, one remote, and a minute.
            guard plan.faultShare > 0, plan.length >= .minutes(1), plan.remotes.contains(where: { $0.name == "vg" }) else { return nil }
            return omitted.contains(17) || omitted.contains(64) ? nil : ("\(plan.length.milliseconds): c3 is not as it was", 100)
        }
        var smaller = try #require(shrinker)
        await smaller.shrink()
        #expect(smaller.plan.faultShare == 20 && smaller.plan.killShare == 0 && !smaller.plan.isHostile)
        #expect(smaller.plan.remotes.map(\.name) == ["vg"])
        #expect(smaller.plan.conversations == ["c0"])
        #expect(smaller.plan.length >= .minutes(1) && smaller.plan.length < .minutes(2))
        #expect(Set(0...100).subtracting(smaller.omitted) == [17, 64])
    }

    @Test func `a smaller world with another problem is not taken`() async throws {
        let shrinker = await Shrinker(plan) { plan, _ in
            plan.killShare == 50 && plan.length == .minutes(8) ? ("1200: two calls of c3 in flight", 0) : ("1200: c3 is at rest", 0)
        }
        var smaller = try #require(shrinker)
        await smaller.shrink()
        #expect(smaller.plan.killShare == 50 && smaller.plan.length == .minutes(8))
    }

    @Test func `a world in which all holds has no story`() async {
        #expect(await Shrinker(plan) { _, _ in nil } == nil)
    }

    @Test func `without some acts the others stay as they are`() async throws {
        let whole = try Simulation(seed: 4, .story)
        _ = try await whole.run()
        let part = try Simulation(seed: 4, .story, omitting: Set(0..<20))
        _ = try await part.run()
        #expect(part.actCount == whole.actCount)
        let (told, left) = (whole.trace.story.filter(\.isChange), part.trace.story.filter(\.isChange))
        #expect(left.count < told.count && !left.isEmpty)
        #expect(Set(left).subtracting(told) == [])
    }
}

extension String {
    /// The sentence tells what the application did. Whether two conversations get one object depends on whether two have one.
    fileprivate var isChange: Bool { (contains(" The application ") && !contains(" links ")) || contains(" A user writes ") }
}
