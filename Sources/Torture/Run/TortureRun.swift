import Fixtures
import Foundation
import Sandbox

/// Kills the program again and again while its conversations change and the remotes misbehave, and takes the history.
///
/// The choices follow from the seed. Their timing does not: the same seed meets other instants.
package actor TortureRun {
    private let stage: Stage
    private let application: Application
    private let people: People
    private let wanted: Int
    private var random: SeededGenerator
    private var kills: [Kill] = []
    private var failures: [String] = []
    private var round = 0
    private var processes = ProcessChecks()
    private let begin = ContinuousClock.now

    /// What a run found.
    package struct Result: Sendable {
        package var history: History
        package var requests = 0
        /// Milliseconds from the start of a process to its report that it is ready.
        package var longestStart = 0
        /// From the end of all faults until everything was delivered.
        package var drain = Duration.zero
        package var elapsed = Duration.zero
    }

    private static let firstConversations = 40
    private static let migrationShare = 50

    /// - Parameters:
    ///   - kills: how many processes are killed at least: a round kills up to three.
    ///   - folder: for configuration, database and logs; it is created, and nothing removes it.
    package static func run(kills: Int, seed: UInt64, folder: String, progress: @Sendable (String) -> Void) async throws -> Result {
        let port = try LoopbackPort.unused()
        let stage = try await Stage.make(in: folder, seed: seed) { configuration, _ in configuration.torture(listeningOn: port) }
        let run = TortureRun(stage, kills: kills, seed: seed)
        do {
            try stage.setWebhooks(port)
            let result = try await run.run(progress)
            try await stage.close(keepsFiles: true)
            return result
        } catch {
            try await stage.close(keepsFiles: true)
            throw error
        }
    }

    private init(_ stage: Stage, kills: Int, seed: UInt64) {
        self.stage = stage
        wanted = kills
        random = SeededGenerator(seed: seed)
        application = Application(stage.application, seed: random.next())
        people = People(stage, application, seed: random.next())
    }

    private func run(_ progress: @Sendable (String) -> Void) async throws -> Result {
        try await application.begin(with: Self.firstConversations)
        while kills.count < wanted {
            round += 1
            if round % 10 == 1 {
                for remote in Stage.remotes { try stage.world.setFaults(Mishaps.draw(for: remote, using: &random), on: remote) }
            }
            if round % 4 == 0 { try await application.addShared() }
            if round % Self.migrationShare == 0 { try await killMigration() }
            try await killMain()
            if kills.count % 50 == 0 { progress("\(kills.count) kills, \(stage.world.requests().count) requests") }
        }
        return try await finish()
    }

    // MARK: Kills

    private func killMain() async throws {
        // The application also writes while nothing runs.
        for _ in 0..<Int.random(in: 0...3, using: &random) { try await application.step() }
        let moment = Moment.draw(using: &random)
        let isSync = Int.random(in: 0..<8, using: &random) == 0
        let log = "\(round)"
        let process = isSync ? try stage.start("sync", "--drain", "20", log: log) : try stage.start("run", log: log)
        let work = moment.isQuiet ? nil : work()
        let command = Int.random(in: 0..<6, using: &random) == 0 ? try await runCommand() : nil
        try await wait(for: moment, process, isSync: isSync)
        work?.cancel()
        if let command { try await kill(command, moment: Moment.commandName, isSender: false) }
        if process.exitCode == nil {
            try await kill(process, moment: moment.name, isSender: true)
        } else {
            processes.check(process, expecting: isSync ? [0, 65, 75] : [0])
        }
        try await work?.value
    }

    private func kill(_ process: ProgramRun, moment: String, isSender: Bool) async throws {
        let killedAt = Int.now
        guard await process.killAndWait() else { return processes.check(process, expecting: isSender ? [0, 65, 75] : [0, 1, 65, 75]) }
        var found = Kill(moment: moment, startedAt: process.startedAt, killedAt: killedAt, isSender: isSender)
        if isSender {
            found.claimedKeys = Set(
                try await stage.application.onThread {
                    try $0.texts("SELECT idempotency_key FROM outbox WHERE state = 'sending'")
                })
            found.hasUnplanned = try await stage.application.onThread { try $0.number("SELECT count(*) FROM change_feed") } > 0
            found.wasReady = process.readyAfter != nil
        }
        processes.check(process, expecting: [128 + SIGKILL])
        kills.append(found)
    }

    /// Kills `migrate` on a file of its own, and expects the next one to complete it.
    private func killMigration() async throws {
        let folder = "\(stage.folder)/migration-\(round)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = try String(contentsOfFile: stage.configurationPath, encoding: .utf8)
        for (name, content) in [("convosync.toml", text), ("token", "token"), ("webhook-secret", Stage.webhookSecret)] {
            try Data(content.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
        }
        let arguments = ["migrate", "--config", "\(folder)/convosync.toml"]
        let first = try ProgramRun(arguments, logPath: "\(folder)/first.log")
        try await Task.sleep(for: .microseconds(1 << Int.random(in: 10...18, using: &random)))
        try await kill(first, moment: Moment.migrationName, isSender: false)
        let second = try ProgramRun(arguments, logPath: "\(folder)/second.log")
        _ = await second.end()
        processes.check(second, expecting: [0])
        let schema = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1"
        let migrated = try ApplicationDatabase(path: "\(folder)/convosync.db")
        let (found, expected) = (try migrated.texts(schema), try stage.application.texts(schema))
        if found != expected { failures.append("\(folder): the schema is incomplete after a kill of migrate") }
        if try migrated.texts("PRAGMA integrity_check") != ["ok"] {
            failures.append("\(folder): the file is damaged after a kill of migrate")
        }
        try migrated.close()
        if failures.isEmpty { try FileManager.default.removeItem(atPath: folder) }
    }

    private func runCommand() async throws -> ProgramRun {
        let commands = [
            ["status"], ["status", "--json"], ["plan"], ["diff"], ["explain", "c1"], ["outbox", "list"], ["check"], ["migrate"],
            ["pause", "vg"], ["resume", "vg", "--now"], ["resend", "helpdesk", "--dry-run"],
            ["outbox", "retry", "--remote", "vg", "--state", "pending", "--yes"],
        ]
        let arguments = commands.randomElement(using: &random) ?? ["status"]
        let process = try ProgramRun(
            arguments + ["--config", stage.configurationPath], logPath: "\(stage.folder)/logs/\(round)-\(arguments[0]).log")
        try await Task.sleep(for: .microseconds(1 << Int.random(in: 9...18, using: &random)))
        return process
    }

    /// What application and people do until it is cancelled.
    private func work() -> Task<Void, any Error> {
        var random = SeededGenerator(seed: random.next())
        let pauses = (0..<500).map { _ in Int.random(in: 2...60, using: &random) }
        return Task { [application, people] in
            for (number, pause) in pauses.enumerated() where !Task.isCancelled {
                try await application.step()
                if number % 4 == 0 { try await people.step() }
                // Ends early only when it is cancelled.
                try? await Task.sleep(for: .milliseconds(pause))
            }
        }
    }

    private func wait(for moment: Moment, _ process: ProgramRun, isSync: Bool) async throws {
        let world = stage.world
        let before = world.requests().last?.sequence ?? 0
        // With less to do, the kill meets an idle process, which is a valid case as well.
        let patience = Duration.seconds(2)
        switch moment {
        case .uptime(let duration): try await Task.sleep(for: duration)
        case .ready(let duration):
            _ = try await process.reports("service.ready", within: patience)
            try await Task.sleep(for: duration)
        case .arrival(let count):
            _ = await world.wait(for: patience) { ($0.requests(after: before).last?.sequence ?? 0) >= before + count }
        case .response(let count, let duration):
            _ = await world.wait(for: patience) { $0.requests(after: before).count { $0.finishedAt != nil } >= count }
            try await Task.sleep(for: duration)
        case .commit(let duration):
            _ = try await process.reports("service.ready", within: patience)
            if Int.random(in: 0..<4, using: &random) == 0 { try await application.reviseAll() } else { try await application.step() }
            try await Task.sleep(for: duration)
        case .act(let duration):
            _ = try await stage.settles(within: .seconds(6))
            for _ in 0..<6 { try await people.step() }
            try await Task.sleep(for: duration)
        case .signal(let signal, let duration):
            _ = try await process.reports("service.ready", within: patience)
            // A one-shot run does not handle SIGHUP: it would end as at a kill.
            process.send(isSync ? SIGTERM : signal)
            try await Task.sleep(for: duration)
        }
    }

    // MARK: The end

    /// Takes the history after the program has come to rest.
    private func finish() async throws -> Result {
        for remote in Stage.remotes { _ = await (try stage.start("resume", remote, log: "resume")).end() }
        // What an operator does: a response that cannot be read makes a row dead.
        _ = await (try stage.start("outbox", "retry", "--state", "dead", "--yes", log: "retry")).end()
        let last = try stage.start("run", log: "last")
        var (history, drain) = try await stage.rest(application, within: .seconds(180))
        last.send(SIGTERM)
        _ = await last.end()
        processes.check(last, expecting: [0])
        history.kills = kills
        history.failures += failures + processes.failures
        return Result(
            history: history, requests: stage.world.requests().count, longestStart: processes.longestStart, drain: drain,
            elapsed: ContinuousClock.now - begin)
    }
}
