import SyncCore
import SyncDaemon
import SyncStore

/// The result of `resend`, or of its dry run.
struct ResendView {
    let remotes: [Resending]
    /// Remotes that receive messages, which are left out.
    let withMessages: [String]
    let isDryRun: Bool
    /// Set if the brake would hold the rows.
    let brake: Brake.Engagement?

    var conversations: Int { remotes.reduce(0) { $0 + $1.conversations } }

    var lines: [String] {
        guard !remotes.isEmpty else { return ["no remote takes part in the conversation: nothing is sent again"] + messageLines }
        guard !isDryRun else { return plan }
        return remotes.map { remote in
            "what \(remote.remote) acknowledged of \(counted(remote.conversations, "conversation")) is forgotten; the next run sends "
                + counted(remote.calls, "call")
        } + notes
    }

    /// What would be sent.
    var plan: [String] {
        var lines: [String] = []
        for remote in remotes {
            let fields = remote.fields.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            lines.append(
                "\(remote.remote): \(counted(remote.calls, "call")) for \(counted(remote.conversations, "conversation"))"
                    + (fields.isEmpty ? "" : " (\(fields))"))
            lines += remote.examples.map { "  \($0.conversationID)  \($0.method) \($0.path)  \($0.fields.joined(separator: ", "))" }
            if remote.calls > remote.examples.count { lines.append("  … and \(remote.calls - remote.examples.count) more") }
        }
        return lines + notes
    }

    private var notes: [String] {
        var lines: [String] = []
        for remote in remotes {
            if remote.gone > 0 {
                lines.append(
                    "\(remote.remote): \(counted(remote.gone, "object")) that \(remote.gone == 1 ? "was" : "were") gone: tried again")
            }
            if remote.refused > 0 { lines.append("\(remote.remote): \(counted(remote.refused, "conversation")) cannot be sent") }
            if remote.dead > 0 {
                lines.append(
                    "\(remote.remote): \(counted(remote.dead, "dead row")) would say the same and \(remote.dead == 1 ? "stays" : "stay"): "
                        + "convosync outbox retry --remote \(CommandText.quoted(remote.remote)) --state dead")
            }
            if remote.held > 0 {
                lines.append(
                    "\(remote.remote): \(counted(remote.held, "held row")) \(remote.held == 1 ? "stays" : "stay") held: "
                        + "convosync outbox list --remote \(CommandText.quoted(remote.remote)) --state held")
            }
        }
        if let brake {
            lines.append(
                "the brake holds this back (\(brake.rule.rawValue)): it would \(brake.summary); "
                    + "`convosync outbox release --held-by brake` lets it go")
        }
        return lines + messageLines
    }

    private var messageLines: [String] {
        withMessages.map { "\($0): messages are not sent again" }
    }

    var json: JSONValue {
        [
            "dry_run": .bool(isDryRun), "remotes": .object(JSONObject(members: remotes.map { ($0.remote, ResendView.json($0)) })),
            "brake": brake?.json ?? .null, "messages_left_out": .array(withMessages.map(JSONValue.string)),
        ]
    }

    private static func json(_ remote: Resending) -> JSONValue {
        [
            "conversations": .integer(Int64(remote.conversations)), "calls": .integer(Int64(remote.calls)),
            "fields": .object(JSONObject(members: remote.fields.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })),
            "gone": .integer(Int64(remote.gone)), "refused": .integer(Int64(remote.refused)), "dead": .integer(Int64(remote.dead)),
            "held": .integer(Int64(remote.held)),
            "first_calls": .array(
                remote.examples.map { call in
                    [
                        "conversation_id": .string(call.conversationID), "method": .string(call.method), "path": .string(call.path),
                        "fields": .array(call.fields.map(JSONValue.string)),
                    ]
                }),
        ]
    }
}
