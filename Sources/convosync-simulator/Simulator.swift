import ArgumentParser
import SyncCore
import SyncSimulator

/// Runs simulations of many seeds, several at a time, and reports those in which a condition did not hold.
@main
struct Simulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convosync-simulator",
        abstract: "Run the engine over a simulated machine, application and remotes, in virtual time.",
        discussion: """
            Everything in a simulation follows from its seed, so a failure can be repeated: --first 17 --trace shows the simulation of \
            seed 17 event by event. Exits with 1 if a condition did not hold.
            """)

    @Option(help: "The number of seeds.")
    var seeds = 100

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "How many simulations run at a time.")
    var jobs = 2

    @Flag(help: "Print every event of the first seed, and run no other.")
    var trace = false

    @Flag(inversion: .prefixedNo, help: "Shorten the story of the first seed that failed, and print it; takes minutes.")
    var story = true

    func validate() throws {
        guard seeds > 0, jobs > 0 else { throw ValidationError("--seeds and --jobs are at least 1") }
    }

    func run() async throws {
        if trace {
            let result = await SimulationResult.of(seed: first, .printed)
            print(text(of: result))
            throw result.problems.isEmpty ? ExitCode.success : ExitCode.failure
        }
        var totals = Totals()
        let clock = ContinuousClock()
        let begin = clock.now
        await withTaskGroup(of: SimulationResult.self) { group in
            var next = first
            let end = first + UInt64(seeds)
            func start() {
                guard next < end else { return }
                let seed = next
                next += 1
                group.addTask { await SimulationResult.of(seed: seed) }
            }
            for _ in 0..<jobs { start() }
            for await result in group {
                totals.add(result)
                if !result.problems.isEmpty { print(text(of: result)) }
                if totals.seeds % 1000 == 0 { print(totals.text(elapsed: clock.now - begin)) }
                start()
            }
        }
        print(totals.text(elapsed: clock.now - begin))
        print("  happened: \(totals.counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))")
        for line in totals.coverage.lines { print("  \(line)") }
        guard let failed = totals.failed.min() else { return }
        guard story else { throw ExitCode.failure }
        print("The story of seed \(failed), shortened (times in milliseconds):")
        for line in await Shrinker.story(ofSeed: failed) ?? [] { print("  \(line)") }
        throw ExitCode.failure
    }

    private func text(of result: SimulationResult) -> String {
        guard !result.problems.isEmpty else { return result.summary }
        return "FAILED \(result.summary)\n  \(result.problems.joined(separator: "\n  "))"
    }
}

/// The sums over all simulations so far.
private struct Totals {
    private(set) var seeds = 0
    private(set) var failed: [UInt64] = []
    private var span = Duration.zero
    private var steps = 0
    private(set) var coverage = Coverage()
    private(set) var counts: [String: Int] = [:]

    mutating func add(_ result: SimulationResult) {
        seeds += 1
        span += result.span
        steps += result.steps
        coverage.add(result.coverage)
        counts.merge(result.counts, uniquingKeysWith: +)
        if !result.problems.isEmpty { failed.append(result.seed) }
    }

    func text(elapsed: Duration) -> String {
        let hours = Double(span.milliseconds) / 3_600_000
        let minutes = max(Double(elapsed.milliseconds), 1) / 60_000
        let rates = "\(Int(hours / minutes)) h per minute, \(Int(Double(steps) / minutes / 60)) steps per second"
        let failures = failed.isEmpty ? "none failed" : "failed: \(failed.sorted().map(String.init).joined(separator: " "))"
        return "\(seeds) seeds, \(Int(hours)) virtual hours (\(rates)); \(failures)"
    }
}
