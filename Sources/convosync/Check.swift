import ArgumentParser
import SyncCore
import SyncDaemon
import SyncStore

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate configuration, credentials, database and status maps, without sending anything.",
        discussion: "Prints every problem. Exits with 78 when the configuration is wrong, with 69 when the database is.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let findings = await Inspection(configurationPath: options.path).findings()
        if output.json {
            print(
                JSONValue.object([
                    "findings": .array(
                        findings.map {
                            ["severity": .string($0.severity.rawValue), "area": .string($0.area.rawValue), "text": .string($0.text)]
                        }),
                    "ok": .bool(!findings.contains { $0.severity == .problem }),
                ]).text)
        } else {
            for finding in findings {
                let colour: Terminal.Colour =
                    switch finding.severity {
                    case .ok: .green
                    case .warning: .yellow
                    case .problem: .red
                    }
                print("\(Terminal.paint(finding.severity.rawValue, colour)): \(finding.area.rawValue): \(finding.text)")
            }
        }
        let problems = findings.filter { $0.severity == .problem }
        if problems.contains(where: { $0.area != .database }) { throw ExitCode.configurationWrong }
        if !problems.isEmpty { throw ExitCode.databaseUnavailable }
    }
}
