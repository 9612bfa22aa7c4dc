import SyncCore

/// Looks for a smaller world in which the same condition does not hold, so that its story can be read.
///
/// A smaller world has fewer kinds of faults, remotes and conversations, is shorter, and less is done in it. What is left out changes nothing of what
/// is drawn for the rest, see ``Simulation/run(until:)``.
package struct Shrinker {
    /// Runs a world without some acts.
    /// - Returns: the first condition that did not hold, and how many acts were drawn; nil if all held.
    typealias Attempt = (_ plan: WorldPlan, _ omitted: Set<Int>) async -> (problem: String, acts: Int)?

    /// The most simulations that are run.
    private static let mostRuns = 400

    private(set) var plan: WorldPlan
    private(set) var omitted: Set<Int> = []
    /// The condition that does not hold, without the numbers and names in it.
    private let problem: String
    private var actCount: Int
    private var runs = 0
    private let attempt: Attempt

    /// - Returns: the sentences of the story, and last the conditions that did not hold; nil if all hold with this seed.
    package static func story(ofSeed seed: UInt64) async -> [String]? {
        var random = SplitMix64(seed: seed)
        let plan = WorldPlan(&random)
        let shrinker = await Shrinker(plan) { plan, omitted in await run(plan, seed, omitting: omitted) }
        guard var shrinker else { return nil }
        await shrinker.shrink()
        return await tell(shrinker.plan, seed, omitting: shrinker.omitted)
    }

    /// - Returns: nil if all conditions hold in this world.
    init?(_ plan: WorldPlan, _ attempt: @escaping Attempt) async {
        guard let (first, acts) = await attempt(plan, []) else { return nil }
        (self.plan, problem, actCount, self.attempt) = (plan, Shrinker.kind(of: first), acts, attempt)
    }

    mutating func shrink() async {
        await leaveOutFeatures()
        await shorten()
        await leaveOutActs()
        await leaveOutFeatures()
    }

    private static func run(_ plan: WorldPlan, _ seed: UInt64, omitting omitted: Set<Int>) async -> (problem: String, acts: Int)? {
        do {
            let simulation = try Simulation(plan, seed: seed, omitting: omitted)
            return try await simulation.run().first.map { ($0, simulation.actCount) }
        } catch {
            return ("\(error)", 0)
        }
    }

    /// The words of a problem that name neither time nor conversation.
    private static func kind(of problem: String) -> String {
        problem.split(separator: " ").prefix(12).filter { word in word.allSatisfy { $0.isLetter } }.joined(separator: " ")
    }

    /// Keeps a change if the same condition still does not hold.
    private mutating func attempt(_ change: (inout Shrinker) -> Void) async -> Bool {
        guard runs < Shrinker.mostRuns else { return false }
        runs += 1
        var other = self
        change(&other)
        guard let (found, acts) = await attempt(other.plan, other.omitted), Shrinker.kind(of: found) == problem else { return false }
        (plan, omitted, actCount) = (other.plan, other.omitted, acts)
        return true
    }

    private mutating func leaveOutFeatures() async {
        let features: [(inout WorldPlan) -> Void] = [
            { $0.faultShare = 0 }, { $0.storeFaultShare = 0 }, { $0.killShare = 0 }, { $0.powerCuts = 0 }, { $0.fillsDisk = false },
            { $0.locksDatabase = false }, { $0.stepsClock = false }, { $0.freezes = false }, { $0.applicationClock = .zero },
            { $0.deletes = false }, { $0.forgedHooks = 0 }, { $0.restoresBackup = false }, { $0.reloads = false }, { $0.lostHooks = 0 },
            { $0.vagueHooks = 0 }, { $0.refusals = 0 }, { $0.repetitions = 0 }, { $0.renamesUsers = false },
            { $0.suspendsProcesses = false }, { $0.sharesObjects = false }, { $0.pageSize = 500 }, { $0.settings.brake = .init() },
            { $0.settings.retention = .init() },
            { $0.settings.retry.maximumAttempts = 10_000 }, { $0.options = WorldPlan.RemoteOptions() }, { $0.seesGoneProcesses = true },
            { plan in
                plan.isHostile = false
                plan.conversations = plan.conversations.indices.map { "c\($0)" }
                plan.tags = plan.tags.indices.map { "t\($0)" }
            },
        ]
        for feature in features { _ = await attempt { feature(&$0.plan) } }
        for name in plan.remotes.map(\.name) where plan.remotes.count > 1 {
            _ = await attempt { $0.plan.remotes.removeAll { $0.name == name } }
        }
        while plan.conversations.count > 1, await attempt({ $0.plan.conversations.removeLast() }) {}
    }

    private mutating func shorten() async {
        for part in [2, 4] {
            while plan.length > .seconds(2), await attempt({ $0.plan.length -= $0.plan.length / part }) {}
        }
    }

    /// Leaves out ever smaller groups of acts, as delta debugging does (Zeller and Hildebrandt 2002).
    private mutating func leaveOutActs() async {
        var size = max(1, actCount / 2)
        while true {
            for begin in stride(from: 0, through: actCount, by: size) {
                let group = Set(begin..<begin + size)
                if !group.isSubset(of: omitted) { _ = await attempt { $0.omitted.formUnion(group) } }
            }
            guard size > 1, runs < Shrinker.mostRuns else { return }
            size /= 2
        }
    }

    private static func tell(_ plan: WorldPlan, _ seed: UInt64, omitting omitted: Set<Int>) async -> [String] {
        do {
            let simulation = try Simulation(plan, seed: seed, .story, omitting: omitted)
            let problems = try await simulation.run()
            return [plan.summary] + simulation.trace.story + problems
        } catch {
            return [plan.summary, "it ended with an error: \(error)"]
        }
    }
}
