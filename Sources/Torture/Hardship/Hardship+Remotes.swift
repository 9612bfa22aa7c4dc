import Fixtures
import Foundation
import Sandbox

extension Hardship {
    /// A second system of the kind vg for each way to misbehave, and what the log says about it.
    private static let mischief: [(name: String, rule: FaultRule, event: String)] = {
        var gigabyte = FaultRule(.hugeBody)
        gigabyte.bytes = 1 << 30
        return [
            ("vg-hang", FaultRule(.hangBefore, latencyMilliseconds: 60_000), "delivery.attempted"),
            ("vg-drip", FaultRule(.slowBody, latencyMilliseconds: 60_000), "delivery.attempted"),
            ("vg-gigabyte", gigabyte, "delivery.dead"),
            ("vg-redirect", FaultRule(.redirect), "remote.parked"),
            ("vg-cut", FaultRule(.truncated), "delivery.dead"),
        ]
    }()

    /// Resident memory may grow by this much.
    private static let memory = 48 * 1_048_576
    private static let conversations = 8
    private static let changes = 8

    static let mischievousRemotes = Hardship(
        name: "remotes", summary: "remotes hang, send a byte from time to time, send 1 GiB, redirect, and close in the middle of a body",
        obstacle: { nil }
    ) { folder in
        var trial = Trial()
        let stage = try await Stage.make(in: folder, seed: 1) { configuration, sandbox in
            for (name, _, _) in mischief { configuration.addVG(name, url: sandbox.url(of: name)) }
        }
        let application = Application(stage.application, seed: 1)
        let process = try await stage.startAtRest(application, conversations)
        let before = ProcessMemory.peak(process.pid) ?? 0
        for (name, rule, _) in mischief { try stage.world.setFaults([rule], on: name) }
        try await stage.link(mischief.map(\.name), conversations)
        var slowest = Duration.zero
        for _ in 0..<changes {
            try await application.reviseAll()
            let begin = ContinuousClock.now
            trial.expect(try await stage.agrees(within: .seconds(30)), "the other remotes get every change meanwhile")
            slowest = max(slowest, ContinuousClock.now - begin)
            try await Task.sleep(for: .seconds(1))
        }
        for (name, _, event) in mischief {
            _ = try await process.reports(event, of: name, within: .seconds(30))
            let line = process.events(event).first { $0["remote"]?.string == name }
            trial.expect(line != nil, "\(event) of \(name) is in the log")
            trial.notes.append("\(name): \(line?["error"]?.string ?? line?["reason"]?.string ?? "")")
        }
        let peak = ProcessMemory.peak(process.pid) ?? 0
        trial.expect(peak - before < memory, "memory grows by less than \(memory >> 20) MiB; it grew by \((peak - before) >> 20) MiB")
        trial.notes.append(
            "the others: every change within \(slowest.components.seconds + 1) s; memory \(before >> 20) to \(peak >> 20) MiB")
        for (name, _, _) in mischief { try stage.world.setFaults([], on: name) }
        // A response that cannot be read makes a row dead, and waits for an operator; everything else continues by itself.
        var hasSettled = false
        for _ in 0..<8 where !hasSettled {
            _ = await (try stage.start("outbox", "retry", "--state", "dead", "--yes", log: "retry")).end()
            hasSettled = try await stage.settles(within: .seconds(10))
        }
        trial.expect(hasSettled, "everything arrives when the remotes are right again")
        let differences = try await stage.differences(at: mischief.map(\.name))
        trial.expect(differences.isEmpty, "they hold the local state: \(differences.prefix(3))")
        process.send(SIGTERM)
        _ = await process.end()
        var checks = ProcessChecks()
        checks.check(process, expecting: [0])
        for failure in checks.failures { trial.expect(false, failure) }
        try await stage.close(keepsFiles: true)
        return trial
    }
}

extension ScenarioConfiguration {
    /// Another remote of the kind vg, which is probed soon after it was parked.
    fileprivate mutating func addVG(_ name: String, url: String) {
        let keys = [
            "kind": "\"vg\"", "url": "\"\(url)\"", "token_file": "\"token\"", "agent_id": "\"a1\"", "probe_interval": "\"5s\"",
            "timeouts": "{ connect = \"2s\", read = \"5s\", total = \"8s\" }",
        ]
        for (key, value) in keys { self["remotes.\(name)", key] = value }
    }
}

extension Stage {
    /// Links the first conversations to more remotes.
    fileprivate func link(_ remotes: [String], _ conversations: Int) async throws {
        try await application.onThread { database in
            for (remote, number) in remotes.flatMap({ remote in (1...conversations).map { (remote, $0) } }) {
                try database.write(
                    "INSERT INTO links (conversation_id, remote, remote_id) VALUES (?, ?, ?)", ["c\(number)", remote, "v\(number)"])
            }
        }
    }

    /// Linked conversations of which a remote holds another title.
    fileprivate func differences(at remotes: [String]) async throws -> [String] {
        let rows = try await application.onThread { database in
            try database.lines("SELECT remote, remote_id, title FROM links JOIN conversations ON id = conversation_id")
        }
        return rows.filter { row in
            let parts = row.split(separator: "|").map(String.init)
            guard remotes.contains(parts[0]) else { return false }
            return world.state(of: parts[0], conversation: parts[1])?["title"]?.string != parts[2]
        }
    }
}

extension ProgramRun {
    /// Waits until an event of a remote is in the log.
    fileprivate func reports(_ event: String, of remote: String, within timeout: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            if events(event).contains(where: { $0["remote"]?.string == remote }) { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }
}
