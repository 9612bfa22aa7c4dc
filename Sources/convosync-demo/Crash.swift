import Foundation
import Sandbox

/// Kills the service while calls are in flight, and reports what happened to them.
struct Crash {
    private let stage: Stage

    init(stage: Stage) {
        self.stage = stage
    }

    /// Longer than the time until the kill.
    private static let hangMilliseconds = 20_000
    private static let callsInFlight = 12

    /// Kills the service when enough calls are in flight; returns these calls and the process id.
    func happen() async throws -> (cutOff: [RequestRecord], pid: Int32?) {
        let mark = stage.mark
        // None gets a response: vg and fin apply the calls, voicebot does not.
        for (remote, kind, method) in [
            ("voicebot", FaultRule.Kind.hangBefore, "PATCH"), ("vg", .hangAfter, "PATCH"), ("fin", .hangAfter, "POST"),
        ] {
            var rule = FaultRule(kind, latencyMilliseconds: Self.hangMilliseconds)
            rule.method = method
            try stage.sandbox.world.setFaults([rule], on: remote)
        }
        try stage.application.work(.beforeTheCrash)
        let isBusy = await stage.sandbox.world.wait(for: .seconds(20)) { world in
            let open = Self.inFlight(world, since: mark)
            return open.count >= Self.callsInFlight && Set(open.map(\.instance)).count == 3
        }
        guard isBusy else { throw DemoFailure(description: "the service makes too few calls to be killed among them") }
        let cutOff = Self.inFlight(stage.sandbox.world, since: mark)
        let pid = stage.program.kill()
        for remote in ["voicebot", "vg", "fin"] { try stage.sandbox.world.setFaults([], on: remote) }
        return (cutOff, pid)
    }

    private static func inFlight(_ world: SandboxWorld, since mark: Int) -> [RequestRecord] {
        world.requests(after: mark).filter { $0.finishedAt == nil && $0.fault != nil }
    }

    /// Reports which calls were repeated with which keys, and whether every message arrived once.
    func report(_ cutOff: [RequestRecord]) throws -> String {
        let later = stage.writes(since: cutOff.map(\.sequence).max() ?? 0)
        var rows = [["REMOTE", "CUT OFF", "APPLIED BEFORE THE KILL", "REPEATED WITH THE SAME KEY", "ACKNOWLEDGED"]]
        for remote in ["fin", "vg", "voicebot"] {
            let own = cutOff.filter { $0.instance == remote }
            let repeated = own.compactMap { call in
                later.first { $0.instance == remote && $0.idempotencyKey == call.idempotencyKey && $0.conversation == call.conversation }
            }
            guard repeated.count == own.count, repeated.allSatisfy({ $0.status == 200 }) else {
                throw DemoFailure(description: "a call to \(remote) that was cut off was not repeated; see \(stage.program.logPath)")
            }
            let applied = own.count { $0.fault == .hangAfter }
            rows.append([remote, "\(own.count)", "\(applied)", "\(repeated.count)", "\(repeated.count { $0.status == 200 })"])
        }
        return "\(Columns.text(rows))\n\n" + (try messages()) + "\n" + (try agreement())
    }

    private func messages() throws -> String {
        let held = stage.sandbox.world.state(of: "fin").map { conversation in
            (
                messages: conversation["messages"]?.array?.count { $0["author"] == "user" } ?? 0,
                repeated: conversation["deduplicated"]?.integer ?? 0
            )
        }
        let received = held.reduce(0) { $0 + $1.messages }
        let written = try stage.application.userMessages()
        guard received == written else { throw DemoFailure(description: "\(written) messages were written, Fin has \(received)") }
        let recognised = held.reduce(0) { $0 + $1.repeated }
        return
            "Messages: \(written) written, Fin holds \(received), none twice: it recognised \(recognised) repetitions by their timestamps."
    }

    private func agreement() throws -> String {
        let comparison = try Comparison(application: stage.application, world: stage.sandbox.world)
        guard comparison.isComplete else { throw DemoFailure(description: comparison.verdict) }
        return "States: \(comparison.verdict)."
    }
}
