import ArgumentParser
import Torture

struct HardshipCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hardship",
        abstract: "Try what goes wrong around the program: a full disk, a read-only one, a clock that is set, remotes that misbehave.",
        discussion: Hardship.all.map { "\($0.name): \($0.summary)" }.joined(separator: "\n"))

    @Argument(help: "The names of those to try; all by default.")
    var names: [String] = []

    func validate() throws {
        let known = Hardship.all.map(\.name)
        for name in names where !known.contains(name) {
            throw ValidationError("\(name) is not one of \(known.joined(separator: ", "))")
        }
    }

    func run() async throws {
        var hasFailed = false
        for hardship in Hardship.all where names.isEmpty || names.contains(hardship.name) {
            printAtOnce("\(hardship.name): \(hardship.summary)")
            do {
                switch try await hardship.run(in: Folder.make(hardship.name)) {
                case .passed(let notes): printAtOnce(lines(notes, "as expected"))
                case .skipped(let reason): printAtOnce("  skipped: \(reason)")
                case .failed(let problems):
                    hasFailed = true
                    printAtOnce(lines(problems, "FAILED"))
                }
            } catch {
                hasFailed = true
                printAtOnce("  FAILED: \(error)")
            }
        }
        if hasFailed { throw ExitCode.failure }
    }

    private func lines(_ lines: [String], _ result: String) -> String {
        ([result] + lines).map { "  \($0)" }.joined(separator: "\n")
    }
}
