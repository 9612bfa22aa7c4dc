import Foundation
import Sandbox

extension Hardship {
    static let clockSetBack = Hardship(
        name: "clock", summary: "the clock is set back by two hours while rows wait for a retry, and forward again",
        obstacle: { AdjustableClock.isAvailable ? nil : "there is no C compiler" }
    ) { folder in
        var trial = Trial()
        let clock = try await AdjustableClock(in: folder)
        let stage = try await Stage.make(in: folder, seed: 1)
        let application = Application(stage.application, seed: 1)
        try await application.begin(with: 20)
        let process = try stage.start("run", log: "run", environment: clock.environment)
        trial.expect(try await stage.settles(within: .seconds(60)), "everything arrives before")
        for (seconds, what) in [(-7200, "back"), (0, "forward")] {
            try await stage.reviseUntilRefused(application)
            try clock.set(seconds: seconds)
            for remote in Stage.remotes { try stage.world.setFaults([], on: remote) }
            let begin = ContinuousClock.now
            trial.expect(try await stage.settles(within: patience), "what waited is sent after the clock was set \(what)")
            try await application.reviseAll()
            trial.expect(try await stage.settles(within: patience), "a change is sent after the clock was set \(what)")
            trial.notes.append("set \(what): delivered within \((ContinuousClock.now - begin).components.seconds + 1) s")
        }
        let times = process.log.split(separator: "\n").compactMap { (try? SandboxJSON(text: String($0)))?["ts"]?.string }
        trial.expect(zip(times, times.dropFirst()).contains { $0 > $1 }, "the service saw another clock")
        try await trial.end(process, stage, application, allowing: [])
        return trial
    }

    /// Shorter than `schedule.interval`, after which everything is found in any case.
    private static let patience = Duration.seconds(40)
}

extension Stage {
    /// Changes all conversations while every remote responds with 503; returns when rows wait for a retry.
    fileprivate func reviseUntilRefused(_ application: Application) async throws {
        var unavailable = FaultRule(.status)
        unavailable.status = 503
        for remote in Self.remotes { try world.setFaults([unavailable], on: remote) }
        let before = world.requests().last?.sequence ?? 0
        try await application.reviseAll()
        _ = await world.wait(for: .seconds(30)) { $0.requests(after: before).count { $0.status == 503 } >= 10 }
    }
}
