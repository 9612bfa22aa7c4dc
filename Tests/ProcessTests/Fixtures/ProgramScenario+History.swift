import Fixtures
import Foundation
import Sandbox
import Testing

/// Conversations that some remotes hold in their local state, linked and acknowledged, with nothing due; people with accounts there: `anna`
/// is voicebot's 77 and vg's `c_anna`, `bert` is 78 and `c_bert`. Fin is not configured: messages are evidence, not deliveries.
///
/// - Parameters:
///   - titles: whether titles of helpdesk and vg are adopted, too.
///   - sql: what the application writes before the first call.
func withHistory(
    _ count: Int = 1, at remotes: [String] = ScenarioConfiguration.readable, assignee: String? = "anna", titles: Bool = false,
    sql: String? = nil, configure: (inout ScenarioConfiguration) -> Void = { _ in }, _ body: (ProgramScenario) async throws -> Void
) async throws {
    try await withScenario({ configuration in
        configuration.poll(remotes)
        // Reads are reconciled before anything is written, however slow the machine is.
        configuration["schedule", "stall"] = "\"20s\""
        for remote in ScenarioConfiguration.remotes where !remotes.contains(remote) { configuration.remove("remotes.\(remote)") }
        for remote in remotes where titles && remote != "voicebot" { configuration["remotes.\(remote)", "adopt"] = #"["status", "title"]"# }
        configure(&configuration)
    }) { scenario in
        for (assignee, remote, user) in [
            ("anna", "voicebot", "77"), ("anna", "vg", "c_anna"), ("bert", "voicebot", "78"), ("bert", "vg", "c_bert"),
        ] where remotes.contains(remote) { try await scenario.write("INSERT INTO assignees VALUES (?, ?, ?)", [assignee, remote, user]) }
        try await scenario.addConversations(1...count, assignee: assignee)
        for remote in ["voicebot", "vg"] where !remotes.contains(remote) {
            try await scenario.write("DELETE FROM links WHERE remote = ?", [remote])
        }
        if let sql { try await scenario.write(sql) }
        // Sent, and read once: a change after the first contact with a remote without dates is read twice.
        for _ in 1...2 { try await scenario.sync("--drain", "60") }
        #expect(try await scenario.differences(at: remotes) == [])
        scenario.world.clearRequests()
        try await body(scenario)
    }
}

extension ProgramScenario {
    /// The values at some remotes that differ from the local tables.
    func differences(at remotes: [String]) async throws -> [String] {
        try await differences().filter { line in remotes.contains { line.contains(" \($0) ") } }
    }

    /// Runs `sync` that many times; all log events of all runs.
    @discardableResult
    func syncs(_ count: Int = 1, expecting codes: Set<Int32> = [0], sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> [SandboxJSON]
    {
        var events: [SandboxJSON] = []
        for _ in 0..<count {
            let result = try await run("sync", "--drain", "5")
            #expect(codes.contains(result.exitCode), "\(result.output) \(result.errorOutput)", sourceLocation: sourceLocation)
            events += result.output.split(separator: "\n").compactMap { try? SandboxJSON(text: String($0)) }
        }
        return events
    }

    func title(_ conversation: String) async throws -> String? {
        try await text("SELECT title FROM conversations WHERE id = ?", [conversation])
    }

    /// One member of the remote's state of conversation `c`NUMBER.
    func held(_ member: String, at remote: String, on number: Int = 1) -> SandboxJSON? {
        world.state(of: remote, conversation: (remote == "vg" ? "v" : remote == "helpdesk" ? "c" : "") + "\(number)")?[member]
    }

    /// The calls that were to change something, for the messages of failing tests: `vg v1 {"state":"ended_chat"} 200`.
    var calls: String {
        let lines = world.requests().filter(\.isWrite).map { record in
            let fields = record.bodyJSON?["conversation"]?.text ?? record.bodyText
            return "\(record.instance) \(record.conversation ?? "") \(fields) \(record.status.map(String.init) ?? "-")"
        }
        return lines.isEmpty ? "no call" : lines.joined(separator: "\n")
    }

    /// The states of the outbox rows for a remote, oldest first.
    func states(at remote: String) async throws -> [String] {
        try await texts("SELECT state FROM outbox WHERE remote = ? ORDER BY id", [remote])
    }

    /// vg dates its changes in whole seconds: a change after this is later there than a change before.
    func nextSecond() async throws {
        let second = Int(Date.now.timeIntervalSince1970)
        _ = try await eventually { Int(Date.now.timeIntervalSince1970) > second }
    }

    /// The customer writes; the conversation itself does not change.
    func customerWrites(in conversation: String = "c1", at date: Date = .now) async throws {
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        try await addMessage("m-\(UUID().uuidString)", to: conversation, body: "Is anybody there?", createdAt: date.formatted(format))
    }

    // MARK: Webhooks

    /// Starts the daemon with webhooks of some remotes, which call it from now on.
    func startListening(to remotes: [String]) async throws -> ConvosyncProcess {
        try write("hook-secret-0123456789", to: "hook.secret")
        try configure { configuration in
            configuration["listen", "address"] = "\"127.0.0.1:0\""
            for remote in remotes { configuration["remotes.\(remote).webhook", "secret_file"] = "\"hook.secret\"" }
            if remotes.contains("voicebot") { configuration["remotes.voicebot.webhook", "id_path"] = "\"data.id\"" }
        }
        let daemon = try await startDaemon()
        let address = try await daemon.event("listen.started")["address"]?.string ?? ""
        for remote in remotes {
            try world.setWebhook(WebhookTarget(url: "http://\(address)/hooks/\(remote)", secret: "hook-secret-0123456789"), on: remote)
        }
        return daemon
    }
}

extension [SandboxJSON] {
    /// The log events with a name.
    func named(_ name: String, remote: String? = nil) -> [SandboxJSON] {
        filter { $0["event"]?.string == name && (remote == nil || $0["remote"]?.string == remote) }
    }
}

extension String {
    /// The name of the status field at a remote, with a value.
    func status(at remote: String) -> [String: SandboxJSON] { [remote == "vg" ? "state" : "status": .string(self)] }
}
