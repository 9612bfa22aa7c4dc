import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why a conversation is as it is at every remote, and what happens next.",
        discussion: "Reads only. Exits with 64 when there is no such conversation.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "How many outbox rows and adopted changes are shown.")
    var history = 5
    @Flag(help: "Show the fields on which both sides agree as well.")
    var all = false
    @Argument(help: "conversations.id", completion: Completion.conversations) var conversation: String

    func validate() throws {
        guard (0...1000).contains(history) else { throw ValidationError("--history takes a number from 0 to 1000") }
    }

    func run() async throws {
        try await reportingErrors { () async throws in
            let configuration = try options.loadForOperator()
            let store = try Store(path: configuration.databasePath, access: .reading)
            let (now, isJSON) = (SystemClock.now(), output.json)
            let explainer = Explainer(configuration: configuration) { isJSON ? $0 : DisplayedTime.text($0, now: now) }
            let explained = try await explainer.explain(conversation, in: store, history: history)
            guard let (stored, remotes) = explained else {
                throw ValidationError("there is no conversation \"\(conversation.onOneLine)\" in \(configuration.databasePath.onOneLine)")
            }
            let ai = Set(configuration.assignees.ai)
            if output.json {
                print(ExplainView.json(conversation, stored, remotes, ai: ai).printableText)
            } else {
                Terminal.print(ExplainView(now: now, showsAll: all).lines(conversation, stored, remotes, ai: ai))
            }
        }
    }
}

/// The output of `explain` for people and for programs.
struct ExplainView {
    let now: Instant
    /// Whether to include fields without a difference.
    let showsAll: Bool

    /// Decisions without a consequence: both sides agree, or the field is never sent.
    private static let settled: Set<String> = ["agreed", "unshown", "no_statement", "read_only"]

    private func time(_ moment: String) -> String { DisplayedTime.text(moment, now: now) }

    func lines(_ id: String, _ stored: StoredConversation, _ remotes: [RemoteExplanation], ai: Set<String>) -> [String] {
        var lines: [String] = []
        let conversation = stored.conversation
        let owner = Owner(assigneeID: conversation.assigneeID, ai: ai).rawValue
        let status = conversation.unreadable[.status] == nil ? conversation.status.rawValue : "status cannot be read"
        lines.append(
            "\(Terminal.paint(id, .bold))  \(status), assignee \(conversation.assigneeID ?? "NULL") (\(owner))"
                + (stored.statusChangedAt.map { ", changed \(time($0))" } ?? ""))
        lines += conversation.problems.map { "  cannot be read: \($0)" }
        lines += stored.putAside.map { Terminal.paint("  put aside: \($0.about) cannot be planned: \($0.problem)", .red) }
        for change in stored.adopted {
            lines.append("  \(time(change.adoptedAt))  \(change.rule) (\(change.remote), dated \(time(change.reportedAt)))")
        }
        for remote in remotes { lines += [""] + self.lines(remote) }
        return lines
    }

    private func lines(_ remote: RemoteExplanation) -> [String] {
        let stored = remote.stored
        let target = stored.link.map { [$0.remoteID, $0.agentID].compactMap { $0 }.joined(separator: " of agent ") } ?? "no link"
        var lines = ["\(Terminal.paint(stored.remote, .bold))  \(target)", "  next: \(remote.next)"]
        lines += fields(remote.fields)
        // The response to one of our calls is an acknowledgement; "seen" means a report from a read or a webhook call.
        let contacts = [
            stored.seenAt.map { "last seen \(time($0))" }, stored.acknowledgedAt.map { "last acknowledged \(time($0))" },
        ].compactMap { $0 }
        if !contacts.isEmpty { lines.append("  \(contacts.joined(separator: ", "))") }
        for (field, verdict) in stored.verdicts.sorted {
            let at = verdict["at"]?.stringValue.map { ", \(time($0))" } ?? ""
            lines.append("  \(field): \(verdict["rule"]?.stringValue ?? "")\(at)")
        }
        for row in stored.history {
            let what = row.fields.map { $0.isEmpty ? row.operation : $0.joined(separator: ", ") } ?? "message"
            let error = row.lastError.map { ": \($0)" } ?? ""
            lines.append("  outbox \(row.id)  \(time(row.createdAt))  \(row.state.rawValue), attempts \(row.attempts)  \(what)\(error)")
        }
        return lines
    }

    private func fields(_ fields: [RemoteExplanation.Field]) -> [String] {
        let shown = showsAll ? fields : fields.filter { !ExplainView.settled.contains($0.decision) || $0.isInDoubt }
        var table = TextTable(header: ["FIELD", "AGREED", "WANTED", "HELD THERE", "DECISION", "BECAUSE"])
        for field in shown {
            table.rows.append([
                .init(field.name), ExplainView.agreed(field), ExplainView.value(field.wanted), ExplainView.value(field.held),
                .init(field.decision, field.decision == "due" || field.decision == "in_doubt" ? .yellow : nil), .init(field.rule),
            ])
        }
        var lines = shown.isEmpty ? [] : table.lines.map { "  \($0)" }
        let hidden = fields.count - shown.count
        if hidden > 0 {
            let which = shown.isEmpty ? "" : "further "
            lines.append(
                "  \(hidden) \(which)\(hidden == 1 ? "field: nothing differs" : "fields: nothing differs") (--all shows \(hidden == 1 ? "it" : "them"))"
            )
        }
        return lines
    }

    /// Our value, and the remote's if it is represented differently.
    private static func agreed(_ field: RemoteExplanation.Field) -> TextTable.Cell {
        guard let ours = field.ours, let theirs = field.theirs, ours != theirs else { return value(field.ours) }
        return .init("\(short(ours.text)) / \(short(theirs.text))")
    }

    private static func short(_ text: String) -> String { text.count > 40 ? "\(text.prefix(39))…" : text }

    private static func value(_ value: JSONValue?) -> TextTable.Cell {
        guard let text = value?.text else { return .init("-", .dim) }
        return .init(short(text))
    }

    static func json(_ id: String, _ stored: StoredConversation, _ remotes: [RemoteExplanation], ai: Set<String>) -> JSONValue {
        var local: JSONObject = ["id": .string(id), "status_changed_at": .nullable(stored.statusChangedAt)]
        let conversation = stored.conversation
        local["status"] = conversation.unreadable[.status] == nil ? .string(conversation.status.rawValue) : .null
        local["assignee_id"] = .nullable(conversation.assigneeID)
        local["owner"] = .string(Owner(assigneeID: conversation.assigneeID, ai: ai).rawValue)
        if !conversation.problems.isEmpty { local["error"] = .string(conversation.problems.joined(separator: "; ")) }
        let adopted: [JSONValue] = stored.adopted.map { change in
            [
                "remote": .string(change.remote), "word": .nullable(change.word), "reported_at": .string(change.reportedAt),
                "adopted_at": .string(change.adoptedAt), "changes": .object(change.changes), "rule": .string(change.rule),
            ]
        }
        return [
            "conversation": .object(local), "adopted": .array(adopted), "unplanned": .bool(stored.isWaitingForPlan),
            "put_aside": .array(stored.putAside.map(\.json)),
            "remotes": .object(JSONObject(members: remotes.map { ($0.stored.remote, json($0)) })),
        ]
    }

    private static func json(_ remote: RemoteExplanation) -> JSONValue {
        let stored = remote.stored
        let fields = remote.fields.map { field -> (String, JSONValue) in
            let values: JSONObject = [
                "base": field.ours ?? .null, "wanted": field.wanted ?? .null, "seen": field.held ?? .null,
                "agreed": ["ours": field.ours ?? .null, "theirs": field.theirs ?? .null], "decision": .string(field.decision),
                "rule": .string(field.rule),
            ]
            return (field.name, .object(values))
        }
        let history: [JSONValue] = stored.history.map { row in
            [
                "id": .integer(row.id), "state": .string(row.state.rawValue), "operation": .string(row.operation),
                "attempts": .integer(Int64(row.attempts)), "due_at": .string(row.dueAt), "last_error": .nullable(row.lastError),
                "created_at": .string(row.createdAt), "finished_at": .nullable(row.finishedAt),
                "fields": row.fields.map { .array($0.map(JSONValue.string)) } ?? .null,
            ]
        }
        return [
            "kind": .string(remote.kind.name), "remote_id": .nullable(stored.link?.remoteID),
            "agent_id": .nullable(stored.link?.agentID), "fields": .object(JSONObject(members: fields)),
            "seen_at": .nullable(stored.seenAt), "acknowledged_at": .nullable(stored.acknowledgedAt), "gone_at": .nullable(stored.goneAt),
            "verdicts": .object(stored.verdicts), "next": .string(remote.next), "outbox": .array(history),
        ]
    }
}

extension Conversation {
    /// Why columns cannot be read.
    fileprivate var problems: [String] {
        ([unreadable[.status], unreadable[.tags], unreadable[.attributes]] + [user?.unreadableAttributes]).compactMap { $0 }
    }
}
