import Fixtures
import Foundation
import Sandbox

/// The program under a steady load, with faults and without kills, for as long as is wanted: what it uses must not grow.
package actor SoakRun {
    private let stage: Stage
    private let application: Application
    private let people: People
    private var random: SeededGenerator
    private var samples: [Sample] = []

    /// What a soak found.
    package struct Result: Sendable {
        package let series: [Series]
        package let csv: String
        package let svg: String
        package let history: History
        package let requests: Int
    }

    private static let conversations = 200
    private static let interval = Duration.seconds(2)

    /// - Parameters:
    ///   - minutes: how long the load lasts.
    ///   - folder: for configuration, database and logs; it is created, and nothing removes it.
    package static func run(minutes: Double, seed: UInt64, folder: String, progress: @escaping @Sendable (String) -> Void) async throws
        -> Result
    {
        let port = try LoopbackPort.unused()
        let stage = try await Stage.make(in: folder, seed: seed) { configuration, _ in
            configuration.torture(listeningOn: port)
            // The shortest that may be configured.
            configuration["retention", "max_age"] = "\"1h\""
        }
        try stage.setWebhooks(port)
        do {
            let result = try await SoakRun(stage, seed: seed).run(.seconds(minutes * 60), progress)
            try await stage.close(keepsFiles: true)
            return result
        } catch {
            try await stage.close(keepsFiles: true)
            throw error
        }
    }

    private init(_ stage: Stage, seed: UInt64) {
        self.stage = stage
        random = SeededGenerator(seed: seed)
        application = Application(stage.application, seed: random.next())
        people = People(stage, application, seed: random.next())
    }

    private func run(_ span: Duration, _ progress: @escaping @Sendable (String) -> Void) async throws -> Result {
        try await application.begin(with: Self.conversations)
        // As the service's unit sets it.
        let process = try stage.start("run", log: "soak", environment: ["MALLOC_ARENA_MAX": "2"])
        let load = load()
        let begin = ContinuousClock.now
        while ContinuousClock.now - begin < span {
            if samples.count % 5 == 0 {
                for remote in Stage.remotes { try stage.world.setFaults(Mishaps.draw(for: remote, using: &random), on: remote) }
            }
            let time = Double((ContinuousClock.now - begin).components.seconds)
            guard let sample = try await Sample.take(process, stage, time: time) else { break }
            samples.append(sample)
            if samples.count % 30 == 0 { progress("\(Int(time)) s: \(sample.residentBytes / 1_048_576) MiB, queue \(sample.queue)") }
            try await Task.sleep(for: Self.interval)
        }
        load.cancel()
        try await load.value
        for remote in Stage.remotes { try stage.world.setFaults([], on: remote) }
        _ = await (try stage.start("outbox", "retry", "--state", "dead", "--yes", log: "retry")).end()
        var (history, _) = try await stage.rest(application, within: .seconds(180))
        process.send(SIGTERM)
        _ = await process.end()
        var checks = ProcessChecks()
        checks.check(process, expecting: [0])
        history.failures += checks.failures
        let series = series
        return Result(
            series: series, csv: SoakCharts.csv(samples), svg: SoakCharts.svg(series, seconds: samples.last?.time ?? 0), history: history,
            requests: stage.world.requests().count)
    }

    /// The same amount of work every second.
    private func load() -> Task<Void, any Error> {
        Task { [application, people] in
            var steps = 0
            while !Task.isCancelled {
                steps += 1
                try await application.step()
                if steps % 10 == 0 { try await people.step() }
                if steps % 100 == 0 { try await application.addShared() }
                // Ends early only when it is cancelled.
                try? await Task.sleep(for: .milliseconds(150))
            }
        }
    }

    private var series: [Series] {
        func series(_ name: String, _ unit: String, per divisor: Double = 1, relative: Double, absolute: Double, _ value: (Sample) -> Int)
            -> Series
        {
            let values = samples.map { Double(value($0)) / divisor }
            let first = Series(name, unit: unit, values, allowance: 0).medians.first ?? 0
            return Series(name, unit: unit, values, allowance: max(first * relative, absolute))
        }
        let mebibyte = 1_048_576.0
        return [
            series("resident memory", "MiB", per: mebibyte, relative: 0.1, absolute: 4) { $0.residentBytes },
            series("open descriptors", "number", relative: 0, absolute: 3) { $0.descriptors },
            series("write-ahead log", "MiB", per: mebibyte, relative: 0.25, absolute: 4) { $0.logBytes },
            // The table runs grows to its 10,000 rows.
            series("database, the program's tables", "MiB", per: mebibyte, relative: 0.1, absolute: 2) { $0.databaseBytes },
            series("queue", "rows", relative: 0.5, absolute: 200) { $0.queue },
        ]
    }
}
