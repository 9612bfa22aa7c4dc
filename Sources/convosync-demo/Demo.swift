import Foundation
import Sandbox

/// `make demo`: the real program, a real database and four simulated remotes.
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

    private static let introduction = """
        convosync keeps support conversations in step between an application's SQLite file and four remote systems.
        This demo runs the real program against simulated ones: helpdesk, Fin, voicebot and vg. It takes about half a minute:

          1. \(conversations) conversations exist before convosync starts     5. voicebot is down for a while
          2. Two rows that need a person                         6. People and Fin act inside the remote systems
          3. A morning's work                                    7. Here and there, side by side
          4. kill -9 in mid-delivery                             8. Nothing changed, so nothing is sent

        """

    private func play() async throws {
        let sandbox = try await SandboxServer.start(SandboxConfiguration())
        let stage = try Stage(sandbox: sandbox)
        defer { stage.program.kill() }
        let interruption = Interruption(of: stage.program.service)
        print(Self.introduction)
        print("Everything it writes is in \(stage.directory.path); the simulated remotes listen at \(sandbox.url).")

        try await firstStart(stage)
        try await repair(stage)
        try await morning(stage)
        try await crash(stage)
        try await outage(stage)
        try await wayBack(stage)
        let agreement = try comparison(stage)
        let isQuiet = try await end(stage)
        await sandbox.stop()
        withExtendedLifetime(interruption) {}
        guard agreement.isComplete, isQuiet else { throw DemoFailure(description: "not everything is as it should be, see above") }
        print(try TryIt(directory: stage.directory, program: stage.program.path).text())
    }

    private func firstStart(_ stage: Stage) async throws {
        headline("1. \(Self.conversations) conversations exist before convosync starts")
        try stage.application.fill(conversations: Self.conversations)
        let plan = try stage.program.command("plan").split(separator: "\n")
        print("`plan` says what a run would send, and sends nothing. It begins and ends with:\n")
        print("$ convosync plan\n\(plan.prefix(12).joined(separator: "\n"))\n…\n\(plan.last ?? "")\n")
        print("The service starts and brings all four up to date:\n")
        let mark = stage.mark
        try stage.program.startDaemon()
        try await stage.settle()
        print(stage.calls(since: mark))
    }

    private func repair(_ stage: Stage) async throws {
        headline("2. Two rows that need a person")
        print("Two of them cannot be sent: a link whose id is not a number, and a message of a conversation without a user.\n")
        print("$ convosync outbox list --state dead\n" + (try stage.program.command("outbox", "list", "--state", "dead")) + "\n")
        print("The application corrects both rows, and the message is sent again:\n")
        try stage.application.correct()
        print("$ convosync outbox retry --state dead --remote fin")
        print(try stage.program.command("outbox", "retry", "--state", "dead", "--remote", "fin"))
        try await stage.settle()
        print("$ convosync outbox list --state dead\n" + (try stage.program.command("outbox", "list", "--state", "dead")))
    }

    private func morning(_ stage: Stage) async throws {
        headline("3. A morning's work: conversations are resolved, taken on and renamed, users write")
        let story = try Story("conv_6", "The application resolves it.", stage: stage)
        let mark = stage.mark
        try stage.application.work(.morning)
        try await stage.settle()
        print(try story.text() + "\n")
        print("All of it, each remote told only what is new to it:\n\n\(stage.calls(since: mark))")
    }

    private func crash(_ stage: Stage) async throws {
        headline("4. kill -9 in mid-delivery")
        let crash = Crash(stage: stage)
        let (cutOff, pid) = try await crash.happen()
        print(
            """
            More work is done here, and the service is killed while \(cutOff.count) calls wait for their responses. vg and Fin have applied
            theirs, voicebot has not; the service cannot know that. It is started again:

            $ kill -9 \(pid.map(String.init) ?? "PID")
            """)
        try stage.program.startDaemon()
        try await stage.settle()
        print(try crash.report(cutOff))
    }

    private func outage(_ stage: Stage) async throws {
        headline("5. voicebot is down for a while; the other three are not held up")
        let mark = stage.mark
        try stage.sandbox.world.setFaults([Self.dropped, Self.unavailable], on: "voicebot")
        try stage.application.work(.outage)
        try await stage.settle(except: "voicebot")
        print("$ convosync status\n" + (try stage.program.command("status")) + "\n")
        try stage.sandbox.world.setFaults([], on: "voicebot")
        try await stage.settle()
        print("voicebot is back, and what waited is delivered. The calls that failed are the attempts during the outage:\n")
        print(stage.calls(since: mark))
    }

    private func wayBack(_ stage: Stage) async throws {
        headline("6. People and Fin act inside the remote systems, all at the same time")
        var wayBack = WayBack(stage: stage)
        try await wayBack.connectFin()
        try wayBack.happen()
        try await wayBack.settle()
        print(try wayBack.stories())
        print("\nThe first of them in the log, and explained:\n\n" + (try wayBack.log()))
        print("\n$ convosync explain \(wayBack.first)\n" + (try stage.program.command("explain", wayBack.first)))
    }

    private func comparison(_ stage: Stage) throws -> Comparison {
        headline("7. Here and there, side by side")
        let agreement = try Comparison(application: stage.application, world: stage.sandbox.world)
        print(agreement.sample(8))
        print(agreement.verdict)
        return agreement
    }

    /// Whether a further run sent nothing, and the service stopped properly.
    private func end(_ stage: Stage) async throws -> Bool {
        headline("8. Nothing changed, so nothing is sent")
        let mark = stage.mark
        print("$ convosync sync\n" + (try stage.program.command("sync")))
        let written = stage.writes(since: mark).count
        print("\(written) calls that change something were made")
        let code = try await stage.program.stopDaemon()
        print("The service was stopped (SIGTERM) and ended with exit code \(code).")
        return written == 0 && code == 0
    }

    private static let unavailable: FaultRule = {
        var rule = FaultRule(.status)
        rule.status = 503
        return rule
    }()

    /// A few calls that are applied although no response is sent.
    private static let dropped = FaultRule(.dropAfter, times: 3)

    private func headline(_ text: String) {
        // Flushes the output after each scene, in a pipe as well.
        fflush(nil)
        print("\n\(String(repeating: "─", count: 100))\n\(text)\n")
    }
}

struct DemoFailure: Error, CustomStringConvertible {
    var description: String
}
