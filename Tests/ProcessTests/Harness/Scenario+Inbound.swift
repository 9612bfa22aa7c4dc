import Foundation
import GRDB
import Sandbox

/// What people do at the remotes, and what came of it here.
extension Scenario {
    /// Somebody inside a remote changes an object there: `c1` is voicebot's `1`, vg's `v1` and the helpdesk's `c1`.
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

    /// `status/assignee` of a conversation, `-` for nobody.
    func local(_ conversation: String) async throws -> String? {
        try await text("SELECT status || '/' || coalesce(assignee_id, '-') FROM conversations WHERE id = ?", [conversation])
    }

    /// What was taken over, oldest first: `remote word: column from→to, …`.
    func adopted(_ conversation: String) async throws -> [String] {
        try await application.read { db in
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

    /// What was decided about the last report of a remote.
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

    /// How many calls changed something, to one remote or to all.
    func writeCount(_ remote: String? = nil) -> Int { world.requests(instance: remote).count(where: \.isWrite) }

    /// How many calls only read.
    func readCount(_ remote: String) -> Int { world.requests(instance: remote).count { !$0.isWrite } }

    /// Waits until a remote was asked so many times more than until now, and has answered.
    func reads(_ remote: String, more count: Int, within timeout: Duration = ConvosyncProcess.patience) async throws {
        let before = readCount(remote)
        let isReached = await world.wait(for: timeout) { world in
            world.requests(instance: remote).count { !$0.isWrite && $0.finishedAt != nil } >= before + count
        }
        guard isReached else { throw HarnessError("\(remote) was read \(readCount(remote) - before) times more, not \(count)") }
    }
}

extension ScenarioConfiguration {
    /// What can be read.
    static let readable = ["helpdesk", "voicebot", "vg"]

    /// Polling of everything that can be read, as often as it may be.
    mutating func poll(_ remotes: [String] = readable, interval: String = "1s") {
        for remote in remotes { self["remotes.\(remote).poll", "interval"] = "\"\(interval)\"" }
    }

    /// Reads, and looks for local changes, each second.
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
