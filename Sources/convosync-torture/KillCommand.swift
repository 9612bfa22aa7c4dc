import ArgumentParser
import Foundation
import Torture

struct KillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "Kill the program at random instants while conversations change and the remotes misbehave.",
        discussion: """
            The choices follow from the seed, their timing does not. Exits with 1 if something was lost, out of order, repeated without a \
            kill, or sent although nobody wanted it; the files are kept then.
            """)

    @Option(help: "How many processes are killed.")
    var kills = 1000

    @Option(help: "The seed of all choices; a random one by default.")
    var seed: UInt64 = .random(in: 1...UInt64(UInt32.max))

    @Flag(help: "Keep the files in any case.")
    var keep = false

    func validate() throws {
        guard kills > 0 else { throw ValidationError("--kills is at least 1") }
    }

    func run() async throws {
        let folder = Folder.make("torture")
        printAtOnce("seed \(seed), files in \(folder)")
        let result = try await TortureRun.run(kills: kills, seed: seed, folder: folder) { printAtOnce($0) }
        let report = TortureReport(result, seed: seed)
        print(report.text)
        if report.isClean, !keep {
            try FileManager.default.removeItem(atPath: folder)
        } else {
            print("the files are in \(folder)")
        }
        guard report.isClean else { throw ExitCode.failure }
    }
}
