import Fixtures
import Foundation
import Sandbox
import Testing

/// docs/sandbox.md: its commands work when they are typed in their order, and its tables are complete.
@Suite(.serialized) struct SandboxPageTests {
    private let page: String

    private static let hasTools = ["curl", "sqlite3"].allSatisfy { FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)") }

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        page = try String(contentsOf: root.appending(path: "docs/sandbox.md"), encoding: .utf8)
    }

    /// The text of the blocks of shell commands.
    private var commands: String {
        page.components(separatedBy: "```sh\n").dropFirst().compactMap { $0.components(separatedBy: "```").first }.joined()
    }

    @Test(.enabled(if: hasTools)) func `the commands do what the page says, one after the other`() async throws {
        try await withScenario { scenario in
            let script = try commands.replacingOccurrences(of: "8090", with: "\(LoopbackPort.unused())")
                .replacingOccurrences(of: "8480", with: "\(LoopbackPort.unused())")
            let programs = (ConvosyncProcess.path as NSString).deletingLastPathComponent
            let run = try scenario.startShell(
                """
                set -e
                trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
                PATH='\(programs)':$PATH
                mkdir '\(scenario.directory)/try' && cd '\(scenario.directory)/try'
                \(script)
                wait
                """)
            let result = try await run.end()
            let output = result.output
            #expect(result.exitCode == 0, "\(output.suffix(2000)) \(result.errorOutput)")
            for expected in [
                "convosync.db created", "remotes.vg, asked with GET", "4 delivered, 4 planned", #""outcome":"applied""#, "exit code 75",
                #""kind":"status","remaining":2"#, "HTTP 503", #""kind":"drop_after""#, #""per_second":5.0"#, #"{"events":1,"sent":true}"#,
                "ended\nuser|Where is my invoice?\nfin|It is on its way.\n", "conv_1  ended",
            ] {
                #expect(output.contains(expected), "\(expected) in \(output)")
            }
            let recorded = try String(contentsOfFile: "\(scenario.directory)/try/requests.jsonl", encoding: .utf8)
            #expect(recorded.contains(#""fault":"status""#))
        }
    }

    @Test func `the options on the page are those of the program`() async throws {
        let program = (ConvosyncProcess.path as NSString).deletingLastPathComponent + "/convosync-sandbox"
        let help = try await ConvosyncProcess(program, ["--help"], environment: ConvosyncProcess.environment).end().output
        func options(_ text: String) -> Set<String> {
            Set(text.split { !$0.isLetter && $0 != "-" }.filter { $0.hasPrefix("--") && $0.contains { $0.isLetter } }.map(String.init))
        }
        #expect(options(help).contains("--port-file"))
        let table = page.components(separatedBy: "| option |").last?.components(separatedBy: "\n\n").first ?? ""
        #expect(options(table).union(["--help"]) == options(help))
    }

    @Test func `the faults on the page are those of the program`() {
        let table = page.components(separatedBy: "| `kind` |").last?.components(separatedBy: "\n\n").first ?? ""
        for kind in FaultRule.Kind.allCases { #expect(table.contains("`\(kind.rawValue)`"), "\(kind)") }
    }
}
