import ArgumentParser
import SyncCore
import SyncDaemon
import SyncStore

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate configuration, credentials, database and status maps, without sending anything.",
        discussion: """
            Prints every problem and what to do about it. Exits with 78 when the configuration or a credential is wrong, with 69 when \
            the database is, with 75 when a remote does not answer (--online). Root looks at the usual configuration as the user \
            convosync: what counts is what the service may read.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Also ask each remote, by a call that changes nothing there, whether it takes the credential.")
    var online = false

    func run() async throws {
        if ServiceUser.assume(toLookAt: options.path) { Terminal.printError("(as user \(ServiceUser.name))") }
        let findings = await Inspection(configurationPath: options.path, isOnline: online).findings()
        if output.json {
            print(
                JSONValue.object([
                    "findings": .array(
                        findings.map {
                            [
                                "severity": .string($0.severity.rawValue), "area": .string($0.area.rawValue), "text": .string($0.text),
                                "hint": .nullable($0.hint),
                            ]
                        }),
                    "ok": .bool(!findings.contains { $0.severity == .problem }),
                ]).printableText)
        } else {
            for finding in findings {
                let colour: Terminal.Colour =
                    switch finding.severity {
                    case .ok: .green
                    case .warning: .yellow
                    case .problem: .red
                    }
                Terminal.print("\(Terminal.paint(finding.severity.rawValue, colour)): \(finding.area.rawValue): \(finding.text)")
                if let hint = finding.hint { Terminal.print("    \(hint)") }
            }
        }
        let problems = findings.filter { $0.severity == .problem }
        if problems.contains(where: { $0.area == .configuration || $0.area == .credentials }) { throw ExitCode.configurationWrong }
        if problems.contains(where: { $0.area == .database }) { throw ExitCode.databaseUnavailable }
        if !problems.isEmpty { throw ExitCode.workStillWaits }
    }
}
