import Foundation
import Sandbox

/// `make demo`: the real program, a real database, four simulated remotes, and what happens between them.
@main
struct Demo {
    static func main() async {
        do {
            try await Demo().play()
        } catch {
            print("the demo failed: \(error)")
            exit(1)
        }
    }

    private static let conversations = 300

    private func play() async throws {
        let sandbox = try await SandboxServer.start(SandboxConfiguration())
        let stage = try Stage(sandbox: sandbox)
        defer { stage.program.kill() }
        print("Four simulated remotes listen at \(sandbox.url), everything else is in \(stage.directory.path)\n")

        headline("1. \(Self.conversations) conversations are there before convosync starts")
        print(try stage.program.command("migrate"))
        try stage.application.fill(conversations: Self.conversations)
        let plan = try stage.program.command("plan").split(separator: "\n")
        print("$ convosync plan\n\(plan.prefix(12).joined(separator: "\n"))\n…\n\(plan.last ?? "")")

        headline("2. The daemon starts and brings everybody up to date")
        try stage.program.startDaemon()
        try await stage.settle()
        stage.tally()

        headline("3. People work: chats are resolved, handed over, taken on; users write")
        try stage.application.work()
        try await stage.settle()
        stage.tally()

        headline("4. Voicebot goes down while work goes on; the other three are not held up")
        try sandbox.world.setFaults([Self.dropped, Self.unavailable], on: "voicebot")
        try stage.application.work()
        try await stage.settle(except: "voicebot")
        print("$ convosync status\n" + (try stage.program.command("status")))

        headline("5. Voicebot is back: what waited goes out in its newest version")
        try sandbox.world.setFaults([], on: "voicebot")
        try await stage.settle()
        stage.tally()

        headline("6. The way back: people and Fin act inside the remote systems, all at the same moment")
        var wayBack = WayBack(stage: stage)
        try wayBack.connectFin()
        try wayBack.happen()
        try await wayBack.settle()
        print(try wayBack.table())
        print("\nIn the log:\n" + (try wayBack.log()))
        print("\n$ convosync explain \(wayBack.first)\n" + (try stage.program.command("explain", wayBack.first)))

        headline("7. The local truth beside what each remote says now")
        let agreement = try Comparison(application: stage.application, world: sandbox.world)
        print(agreement.sample(20))
        print(agreement.verdict)

        headline("8. The outbox by outcome")
        print(try stage.application.outboxSummary())
        print("\nRows that need a person, each with the reason:")
        print("$ convosync outbox list --state dead\n" + (try stage.program.command("outbox", "list", "--state", "dead")))

        headline("9. Nothing changed, nothing is sent; then the daemon is stopped")
        let before = stage.writes.count
        print("$ convosync sync\n" + (try stage.program.command("sync")))
        let written = stage.writes.count - before
        print("\(written) calls were made by it that change anything")
        let code = try await stage.program.stopDaemon()
        print("the daemon ended with exit code \(code); its log is \(stage.program.logPath)")
        await sandbox.stop()
        guard agreement.isComplete, written == 0, code == 0 else { exit(1) }
    }

    private static let unavailable: FaultRule = {
        var rule = FaultRule(.status)
        rule.status = 503
        return rule
    }()

    /// A few calls that are applied although no answer comes.
    private static let dropped = FaultRule(.dropAfter, times: 3)

    private func headline(_ text: String) {
        print("\n\(String(repeating: "─", count: 100))\n\(text)\n")
    }
}

struct DemoFailure: Error, CustomStringConvertible {
    var description: String
}
