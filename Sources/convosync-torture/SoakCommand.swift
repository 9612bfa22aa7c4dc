import ArgumentParser
import Foundation
import Torture

struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Run the program under a steady load with faults, and fail if what it uses grows.",
        discussion: "Writes soak.svg and soak.csv: resident memory, descriptors, write-ahead log, database and queue over time.")

    @Option(help: "How long the load lasts.")
    var minutes = 30.0

    @Option(help: "The seed of all choices; a random one by default.")
    var seed: UInt64 = .random(in: 1...UInt64(UInt32.max))

    @Option(help: "Where soak.svg and soak.csv are written.")
    var output = "."

    func validate() throws {
        guard minutes > 0 else { throw ValidationError("--minutes is more than 0") }
    }

    func run() async throws {
        let folder = Folder.make("soak")
        printAtOnce("seed \(seed), files in \(folder)")
        let result = try await SoakRun.run(minutes: minutes, seed: seed, folder: folder) { printAtOnce($0) }
        for (name, text) in [("soak.csv", result.csv), ("soak.svg", result.svg)] {
            try Data(text.utf8).write(to: URL(filePath: output).appending(path: name))
        }
        let verdict = Verdict(result.history)
        print(
            "\(result.requests) requests, \(result.history.calls.count) of them to change something; soak.svg and soak.csv are in \(output)"
        )
        print("longest transaction of the application: \(result.history.journal.longestMilliseconds) ms")
        for series in result.series {
            let medians = series.medians.map { "\(($0 * 10).rounded() / 10)" }.joined(separator: ", ")
            print("\(series.name): medians of the thirds \(medians) \(series.unit)\(series.grows ? ", GROWS" : "")")
        }
        for violation in verdict.violations.prefix(50) { print("\(violation.promise.rawValue): \(violation.evidence)") }
        guard verdict.violations.isEmpty, !result.series.contains(where: \.grows) else {
            print("the files are in \(folder)")
            throw ExitCode.failure
        }
        try FileManager.default.removeItem(atPath: folder)
    }
}
