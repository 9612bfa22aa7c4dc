import SandboxModel
import SyncCore
import SyncStore

/// The conditions at rest.
extension WalkWorld {
    func expectDelivered() async throws {
        let left = try await application.lines(
            """
            SELECT id, conversation_id, remote, state, held_by, last_error FROM outbox
            WHERE payload = 'state' AND state NOT IN ('delivered', 'superseded', 'discarded')
            """, columns: 6)
        for row in left where !row.contains("|undone|") { fail("not delivered: \(row)") }
        let messages = try await application.lines(
            "SELECT id, message_id, state, last_error FROM outbox WHERE payload = 'message' AND state = 'dead'", columns: 4)
        for row in messages { fail("a message was given up: \(row)") }
    }

    /// Every message of a user is at Fin once, in the order in which it was written, unless it is held or was settled by an operator.
    func expectMessages() async throws {
        guard plan.remotes.contains(where: { $0.kind.receivesMessages }) else { return }
        for id in plan.conversations {
            let written = try await application.lines(
                """
                SELECT m.id, coalesce((SELECT o.state FROM outbox o WHERE o.message_id = m.id AND o.state <> 'discarded'
                    ORDER BY o.id DESC LIMIT 1), '-') FROM messages m
                WHERE m.conversation_id = \(id) AND m.author = 'user' ORDER BY m.rowid
                """, columns: 2)
            let taken = remotes.messages(id).filter { $0.author == "user" }.map(\.body)
            var order: [String] = []
            for line in written {
                let parts = line.split(separator: "|").map(String.init)
                let (message, state) = (parts[0], parts[1])
                let count = taken.count { $0 == message }
                let isSettled = uncertainMessages.contains(message)
                if count > 1 { fail("\(message) of \(id) is at Fin \(count) times, its row is \(state)") }
                if count == 0, state == "delivered" { fail("\(message) of \(id) is delivered, and not at Fin") }
                if !isSettled, state != "delivered", state != "held", !(state == "pending" && written.contains { $0.hasSuffix("|held") }) {
                    fail("\(message) of \(id) is \(state)")
                }
                if count > 0, !isSettled { order.append(message) }
            }
            if taken.filter({ order.contains($0) }) != order { fail("messages of \(id) are at Fin as \(taken), written as \(order)") }
        }
    }

    /// All remotes agree up to class and owner, as far as each can express them.
    ///
    /// | local         | helpdesk   | voicebot                              | vg                                                 |
    /// |---------------|------------|---------------------------------------|----------------------------------------------------|
    /// | open (ai)     | same value | in-progress                           | ai-chatting; guard: human-chatting, requested_chat |
    /// | open (none)   | same value | to-do; in-progress without a user     | requested_chat                                     |
    /// | open (human)  | same value | in-progress; to-do with a user        | human-chatting                                     |
    /// | finished      | same value | done                                  | ended_chat, completed                              |
    ///
    /// Titles and tags are compared where they are adopted, and where nobody changes anything at the remotes.
    func expectAgreement() async throws {
        let rows = try await application.lines("SELECT id, status, assignee_id, title, tags FROM conversations", columns: 5)
        let linked = Set(try await application.lines("SELECT conversation_id, remote FROM links", columns: 2))
        let undone = Set(try await application.lines("SELECT conversation_id, remote FROM outbox WHERE state = 'held'", columns: 2))
        for row in rows {
            let parts = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            let (id, status, assignee, title) = (parts[0], parts[1], parts[2], parts[3])
            let tags = Set(try JSONValue(text: parts[4]).arrayValue?.compactMap(\.stringValue) ?? [])
            let owner = assignee == "-" ? "none" : assignee == "agent_fin" ? "ai" : "human"
            let local = status == "open" ? owner : "finished"
            for remote in plan.remotes where remote.kind.carriesState && !undone.contains("\(id)|\(remote.name)") {
                guard !remote.kind.needsLink || linked.contains("\(id)|\(remote.name)") else { continue }
                let object = WalkRemotes.Object(remote: remote.name, conversation: id)
                guard let state = remotes.state(object) else {
                    fail("\(id) is not at \(remote.name)")
                    continue
                }
                let text = "\(id) is \(row), \(remote.name) \(state.text)\(told(object))"
                switch remote.name {
                case "helpdesk":
                    if state["status"]?.string != status || (state["assignee_id"]?.string ?? "-") != assignee { fail(text) }
                case "voicebot":
                    let values = ["ai": ["in-progress"], "none": ["to-do", "in-progress"], "human": ["in-progress"], "finished": ["done"]]
                    let (value, user) = (state["status"]?.string ?? "", state["user_id"]?.integer)
                    let isHis = local == "human" && value == "to-do" && user != nil
                    if !isHis, values[local]?.contains(value) != true { fail(text) }
                    if local == "none", value != "to-do", user != nil { fail(text) }
                default:
                    let values = [
                        "ai": ["ai-chatting", "human-chatting", "requested_chat"], "none": ["requested_chat"],
                        "human": ["human-chatting"], "finished": ["ended_chat", "completed"],
                    ]
                    if values[local]?.contains(state["state"]?.string ?? "") != true { fail(text) }
                }
                guard remote.name != "voicebot", !plan.isTwoWay || remote.profile.adoption.fields.contains(.title) else { continue }
                let there = Set(state["tags"]?.strings ?? [])
                let isSame = remote.name == "vg" ? there.isSuperset(of: tags) : there == tags
                if state["title"]?.string != title || !isSame { fail("title or tags: \(text)") }
            }
        }
        guard !plan.isTwoWay else { return }
        // Only the application may change rows.
        let written = try await application.number("SELECT count(*) FROM test_changes WHERE writer = 'daemon'")
        if written > 0 { fail("\(written) changes by the service, one-way") }
    }

    /// No remote was written to more often than something changed, and only chosen values were adopted.
    func expectBounds() async throws {
        let mine = try await application.counts(
            "SELECT conversation_id, count(*) FROM test_changes WHERE writer = 'application' GROUP BY 1")
        let others = try await application.counts("SELECT conversation_id, count(*) FROM test_changes WHERE writer = 'daemon' GROUP BY 1")
        let adoptions = try await application.counts("SELECT conversation_id || '@' || remote, count(*) FROM adopted_changes GROUP BY 1")
        for id in plan.conversations {
            var adopted = 0
            for remote in plan.remotes {
                let object = WalkRemotes.Object(remote: remote.name, conversation: id)
                let count = adoptions["\(id)@\(remote.name)"] ?? 0
                adopted += count
                let most = remote.kind.receivesMessages ? remotes.finEvents[id] ?? 0 : remotes.changes[object] ?? 0
                // Reads that show an older state that was never shown before look like a change, and like another one back.
                let isShownInOrder = plan.options.laggingReads == 0
                if isShownInOrder, count > most {
                    fail("\(id): \(count) adoptions from \(remote.name), where \(most) things changed\(told(object))")
                }
                if isShownInOrder { try await expectChosen(object) }
                guard remote.kind.carriesState else { continue }
                let bound = 3 + (mine[id] ?? 0) + (others[id] ?? 0) + most + (remotes.failedWrites[object] ?? 0)
                let writes = remotes.writes[object] ?? 0
                if writes > bound { fail("\(id) was written to \(remote.name) \(writes) times, bound \(bound)\(told(object))") }
            }
            if adopted != others[id] ?? 0 { fail("\(id): \(adopted) adoptions, and \(others[id] ?? 0) changes by the service") }
        }
    }

    /// Adopted values are those that people chose there, at most as often as they chose them, and never those that were sent there.
    private func expectChosen(_ object: WalkRemotes.Object) async throws {
        guard object.remote != "fin" else { return }
        let adopted = try await application.counts(
            """
            SELECT coalesce(word, ''), count(*) FROM adopted_changes WHERE conversation_id = \(object.conversation) AND remote = \(object.remote)
                AND (changes ->> '$.status' IS NOT NULL OR changes ->> '$.assignee_id' IS NOT NULL) GROUP BY 1
            """)
        for (value, count) in adopted {
            let taken = object.remote == "voicebot" ? remotes.taken[object] ?? 0 : 0
            let chosen = taken + (remotes.chosen[object]?[value] ?? 0)
            if count > chosen {
                fail(
                    "\(object.conversation): \(value) of \(object.remote) was adopted \(count) times, people chose it \(chosen) times\(told(object))"
                )
            }
        }
    }

    /// A changed title at rest costs three commits: planned and claimed for vg, recorded with what the helpdesk gets, recorded.
    func expectFewCommits() async throws {
        guard !plan.isTwoWay, let id = plan.conversations.first else { return }
        let (commits, calls) = (checks.commitCount, checks.callCount)
        try await application.change(id, "title = 'the last one'")
        committed()
        try await run(until: clock.uptime + .seconds(10))
        let states = plan.remotes.count { $0.kind.carriesState && $0.name != "voicebot" }
        if checks.callCount - calls > states { fail("\(checks.callCount - calls) calls for one title at \(states) remotes") }
        if checks.commitCount - commits > 3 { fail("\(checks.commitCount - commits) commits for one title") }
    }

    private func told(_ object: WalkRemotes.Object) -> String {
        "\n    " + (remotes.history[object] ?? []).suffix(12).joined(separator: "\n    ")
    }
}

extension Kind {
    fileprivate var carriesState: Bool { !receivesMessages }
}
