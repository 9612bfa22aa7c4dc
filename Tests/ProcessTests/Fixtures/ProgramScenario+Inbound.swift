import Fixtures
import GRDB
import Sandbox

/// What people do at the remotes, and the local result.
extension ProgramScenario {
    /// A person at a remote changes an object there: `c1` is voicebot's `1`, vg's `v1` and the helpdesk's `c1`.
    func act(at remote: String, on number: Int, _ changes: [String: SandboxJSON]) throws {
        var description = changes
        switch remote {
        case "voicebot": description["conversation"] = .string("\(number)")
        case "vg":
            description["conversation"] = .string("v\(number)")
            description["agent"] = "a1"
        default: description["conversation"] = .string("c\(number)")
        }
        try sandbox.act(.object(description), on: remote)
    }

    // MARK: The local side

    /// `status/assignee` of a conversation, `-` for an empty assignment.
    func local(_ conversation: String) async throws -> String? {
        try await text("SELECT status || '/' || coalesce(assignee_id, '-') FROM conversations WHERE id = ?", [conversation])
    }

    /// The adopted changes, oldest first: `remote word: column from→to, …`.
    func adopted(_ conversation: String) async throws -> [String] {
        try await application.queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT remote, word, changes FROM adopted_changes WHERE conversation_id = ? ORDER BY id",
                arguments: [conversation]
            ).map { row in
                let changes = (try? SandboxJSON(text: row[2]))?.object ?? [:]
                let texts = changes.sorted { $0.key < $1.key }.map { name, change in
                    "\(name) \(change["from"]?.string ?? "-")→\(change["to"]?.string ?? "-")"
                }
                return "\(row[0] as String) \(row[1] as String? ?? "-"): \(texts.joined(separator: ", "))"
            }
        }
    }

    /// The verdict on the last report of a remote.
    func verdict(_ conversation: String, at remote: String) async throws -> SandboxJSON? {
        let text = try await text(
            "SELECT verdicts FROM link_state WHERE conversation_id = ? AND remote = ?", [conversation, remote])
        return try text.map { try SandboxJSON(text: $0) }?["status"]
    }

    // MARK: The remotes

    /// The bodies of calls that change something at a remote, in the order of arrival; of vg the fields inside.
    func written(_ remote: String, about conversation: String? = nil) -> [SandboxJSON] {
        world.requests(instance: remote, conversation: conversation).filter(\.isWrite).compactMap { record in
            record.bodyJSON?["conversation"] ?? record.bodyJSON
        }
    }

    /// The number of calls that changed something, at one remote or at all.
    func writeCount(_ remote: String? = nil) -> Int { world.requests(instance: remote).count(where: \.isWrite) }

    /// The number of calls that only read.
    func readCount(_ remote: String) -> Int { world.requests(instance: remote).count { !$0.isWrite } }

    /// Waits until a remote has responded to that many further reads.
    func reads(_ remote: String, more count: Int, within timeout: Duration = ConvosyncProcess.patience) async throws {
        let before = readCount(remote)
        let isReached = await world.wait(for: timeout) { world in
            world.requests(instance: remote).count { !$0.isWrite && $0.finishedAt != nil } >= before + count
        }
        guard isReached else { throw HarnessError("\(remote) was read \(readCount(remote) - before) times more, not \(count)") }
    }
}

extension ScenarioConfiguration {
    /// The remotes that can be read.
    static let readable = ["helpdesk", "voicebot", "vg"]

    /// Polls everything that can be read, as often as allowed.
    mutating func poll(_ remotes: [String] = readable, interval: String = "1s") {
        for remote in remotes { self["remotes.\(remote).poll", "interval"] = "\"\(interval)\"" }
    }

    /// Reads, and checks for local changes, each second.
    mutating func pollEverySecond(_ remotes: [String] = readable) {
        poll(remotes)
        self["schedule", "interval"] = "\"1s\""
    }
}

extension RequestRecord {
    /// Whether the call changes something at the remote.
    var isWrite: Bool { method == "PATCH" || (method == "POST" && !path.hasSuffix("/get_conversation")) }
}

extension ConvosyncProcess {
    func events(_ name: String, remote: String? = nil) -> [SandboxJSON] {
        events.filter { $0["event"]?.string == name && (remote == nil || $0["remote"]?.string == remote) }
    }
}

extension ConvosyncProcess.Result {
    /// The log lines of a `sync` without `--json`.
    func events(_ name: String) -> [SandboxJSON] {
        output.split(separator: "\n").compactMap { try? SandboxJSON(text: String($0)) }.filter { $0["event"]?.string == name }
    }
}
