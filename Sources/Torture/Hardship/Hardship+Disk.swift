import Fixtures
import Foundation
import Sandbox

extension Hardship {
    private static let conversations = 20

    /// Unmounts the file system afterwards, whatever happens.
    private static func trial(on mount: Mount, _ body: (inout Trial) async throws -> Void) async throws -> Trial {
        var trial = Trial()
        do {
            try await body(&trial)
        } catch {
            try? await mount.unmount()
            throw error
        }
        try await mount.unmount()
        return trial
    }

    static let diskFull = Hardship(name: "disk-full", summary: "the disk has no room while calls are in flight", obstacle: needsRoot) {
        folder in
        let mount = try await Mount.memory(on: "\(folder)/disk", mebibytes: 24)
        return try await trial(on: mount) { trial in
            let stage = try await Stage.make(in: folder, seed: 1, database: "disk/convosync.db")
            let application = Application(stage.application, seed: 1)
            let process = try await stage.startAtRest(application, conversations)
            try await stage.reviseWithCallsInFlight(application)
            try await stage.application.onThread { try $0.execute("PRAGMA wal_checkpoint(TRUNCATE)") }
            let filler = try mount.fill()
            _ = try await process.reports("store.unavailable")
            trial.expect("store.unavailable", in: process, saying: "make room")
            // A service that tried again without a pause would write many lines now.
            try await Task.sleep(for: .seconds(5))
            trial.expect(process.exitCode == nil, "the service goes on while the disk is full")
            trial.expect(process.events("store.unavailable").count <= 3, "it says once that the disk is full")
            try FileManager.default.removeItem(atPath: filler)
            trial.expect(try await process.reports("store.available"), "it goes on when there is room")
            try await application.reviseAll()
            try await trial.end(process, stage, application, allowing: ["store.unavailable"])
        }
    }

    static let readOnlyStart = Hardship(
        name: "read-only-start", summary: "the file system of the database is read-only at the start", obstacle: needsRoot
    ) { folder in
        let mount = try await Mount.memory(on: "\(folder)/disk", mebibytes: 24)
        return try await trial(on: mount) { trial in
            let stage = try await Stage.make(in: folder, seed: 1, database: "disk/convosync.db")
            let application = Application(stage.application, seed: 1)
            try await application.begin(with: conversations)
            // No connection may have the files open for writing.
            try stage.application.close()
            try await mount.remount(readOnly: true)
            let refused = try stage.start("run", log: "read-only")
            let code = await refused.end(within: .seconds(30))
            trial.expect(code == 69, "the service ends with 69; it ended with \(code.map(String.init) ?? "nothing")")
            trial.expect("service.failed", in: refused, saying: "read-only")
            refused.send(SIGKILL)
            try await mount.remount(readOnly: false)
            let reopened = Stage(
                folder: folder, sandbox: stage.sandbox, application: try ApplicationDatabase(path: "\(folder)/disk/convosync.db"))
            let process = try reopened.start("run", log: "run")
            try await trial.end(process, reopened, application, allowing: [])
        }
    }

    static let readOnlyWhileRunning = Hardship(
        name: "read-only", summary: "the disk fails and becomes read-only while calls are in flight",
        obstacle: {
            if let obstacle = needsRoot() { return obstacle }
            return FileManager.default.fileExists(atPath: "/dev/loop-control") ? nil : "there are no loop devices"
        }
    ) { folder in
        let image = "\(folder)/image"
        let mount = try await Mount.image(image, on: "\(folder)/disk")
        return try await trial(on: mount) { trial in
            let stage = try await Stage.make(in: folder, seed: 1, database: "disk/convosync.db")
            let application = Application(stage.application, seed: 1)
            let process = try await stage.startAtRest(application, conversations)
            try await stage.reviseWithCallsInFlight(application)
            try mount.fail()
            _ = try await process.reports("store.unavailable")
            trial.expect("store.unavailable", in: process, saying: "dmesg")
            try await Task.sleep(for: .seconds(5))
            trial.expect(process.exitCode == nil, "the service goes on while the disk is read-only")
            trial.expect(process.events("store.unavailable").count <= 3, "it says once that it cannot write")
            process.send(SIGTERM)
            _ = await process.end(within: .seconds(60))
            var checks = ProcessChecks()
            checks.check(process, expecting: [0], allowing: ["store.unavailable"])
            for failure in checks.failures { trial.expect(false, failure) }
            await process.killAndWait()
            try stage.application.close()
            try await mount.unmount()
            _ = try await Mount.image(image, on: mount.path)
            let reopened = Stage(
                folder: folder, sandbox: stage.sandbox, application: try ApplicationDatabase(path: "\(folder)/disk/convosync.db"))
            await application.use(reopened.application)
            // What could not be recorded is as after a kill.
            let claimed = try await reopened.application.onThread {
                try $0.texts("SELECT idempotency_key FROM outbox WHERE state = 'sending'")
            }
            let kill = Kill(moment: "read-only", startedAt: process.startedAt, killedAt: .now, claimedKeys: Set(claimed))
            let next = try reopened.start("run", log: "next")
            try await application.reviseAll()
            try await trial.end(next, reopened, application, allowing: [], kills: [kill])
        }
    }
}

extension Stage {
    /// Starts the service; returns when everything has been delivered.
    func startAtRest(_ application: Application, _ conversations: Int) async throws -> ProgramRun {
        try await application.begin(with: conversations)
        let process = try start("run", log: "run")
        guard try await settles(within: .seconds(60)) else { throw HarnessError("nothing arrives: \(process.log.suffix(500))") }
        return process
    }

    /// Changes all conversations; returns when calls about them are in flight, and will be for more than a second.
    func reviseWithCallsInFlight(_ application: Application) async throws {
        for remote in Self.remotes { try world.setFaults([FaultRule(.latency, latencyMilliseconds: 1500)], on: remote) }
        let before = world.requests().last?.sequence ?? 0
        try await application.reviseAll()
        guard await world.wait(for: .seconds(30), until: { $0.requests(after: before).contains { $0.finishedAt == nil } }) else {
            throw HarnessError("no call came")
        }
    }
}

extension Trial {
    /// Waits until everything has arrived, stops the process, and compares.
    mutating func end(
        _ process: ProgramRun, _ stage: Stage, _ application: Application, allowing expected: Set<String>, kills: [Kill] = []
    ) async throws {
        var (history, drain) = try await stage.rest(application, within: .seconds(120))
        history.kills = kills
        process.send(SIGTERM)
        _ = await process.end()
        var checks = ProcessChecks()
        checks.check(process, expecting: [0], allowing: expected)
        expect(history, checks)
        notes.append("delivered \(drain.components.seconds) s after the cause was gone")
        try await stage.close(keepsFiles: true)
    }
}
