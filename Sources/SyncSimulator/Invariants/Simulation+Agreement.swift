import SandboxModel
import SyncCore
import SyncStore

/// Whether all hold the same at rest.
extension Simulation {
    /// A conversation as the database has it.
    private struct Local {
        let text: String
        let id: String
        let status: String
        let assignee: String?
        let title: String
        let tags: Set<String>

        init(_ row: String) throws {
            let parts = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            (text, id, status, title) = (row, parts[0], parts[1], parts[3])
            assignee = parts[2] == "-" ? nil : parts[2]
            tags = Set(try JSONValue(text: parts[4]).arrayValue?.compactMap(\.stringValue) ?? [])
        }

        var owner: String { assignee == nil ? "none" : assignee == WorldPlan.ai ? "ai" : "human" }
        var form: String { status == "open" ? owner : "finished" }
        var state: LocalState { LocalState(LocalStatus(rawValue: status) ?? .open, Owner(rawValue: owner) ?? .none) }
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
    /// A value that has no meaning here stays where people chose it. Titles and tags are compared where they are adopted, and where nobody
    /// changes anything over there; a title may be there in the form in which the remote stores it.
    func expectAgreement() async throws {
        let rows = try await application.lines("SELECT id, status, assignee_id, title, tags FROM conversations", columns: 5)
        let name = try await application.lines("SELECT name FROM users", columns: 1).first
        let linked = Set(try await application.lines("SELECT conversation_id, remote FROM links", columns: 2))
        for row in rows {
            let local = try Local(row)
            for remote in plan.remotes where remote.kind.carriesState {
                guard !remote.kind.needsLink || linked.contains("\(local.id)|\(remote.name)") else { continue }
                // A new conversation agrees with what a read of its object has shown at first, even if that is not true any more.
                if relinked.contains(local.id), plan.options.laggingReads > 0 { continue }
                let object = RemoteSystems.Object(remote: remote.name, conversation: local.id)
                guard let state = remotes.state(object) else {
                    // There is nothing to say about it.
                    if remote.hasDrawnMap, remote.profile.statusMap[local.state] == .noStatement { continue }
                    fail("\(local.id) is not at \(remote.name)")
                    continue
                }
                let text = "\(local.id) is \(row), \(remote.name) \(state.text)\(told(object))"
                if !agrees(local, state, object, remote) { fail(text) }
                if remote.name == "vg", state["userName"]?.string != name { fail("the user is \(name ?? "-"): \(text)") }
                guard remote.name != "voicebot", !plan.isTwoWay || remote.profile.adoption.fields.contains(.title) else { continue }
                if !hasSameTexts(local, state, object) { fail("title or tags: \(text)") }
            }
        }
        guard !plan.isTwoWay else { return }
        // Only the application may change rows.
        let written = try await application.number("SELECT count(*) FROM test_changes WHERE writer = 'daemon'")
        if written > 0 { fail("\(written) changes by the service, one-way") }
    }

    private func agrees(_ local: Local, _ state: SandboxJSON, _ object: RemoteSystems.Object, _ remote: Remote) -> Bool {
        let value = (state["status"] ?? state["state"])?.string ?? ""
        if let unmapped = RemoteSystems.unmapped[remote.name], value == unmapped { return remotes.choices[object]?.values[unmapped] != nil }
        if remote.hasDrawnMap { return isSent(value, local, remote) }
        switch remote.name {
        case "helpdesk": return value == local.status && state["assignee_id"]?.string == local.assignee
        case "voicebot":
            let user = state["user_id"]?.integer
            // Who is not known there cannot be sent, and nobody but the service sets users where people have no say.
            if relinked.contains(local.id) { return local.status == "open" ? value != "done" : value == "done" }
            if !plan.isTwoWay, local.assignee != "bob", user != (local.assignee == WorldPlan.known.assignee ? WorldPlan.known.id : nil) {
                return false
            }
            if local.form == "human", value == "to-do", user != nil { return true }
            if local.form == "none", value != "to-do", user != nil { return false }
            let values = ["ai": ["in-progress"], "none": ["to-do", "in-progress"], "human": ["in-progress"], "finished": ["done"]]
            return values[local.form]?.contains(value) == true
        default:
            let isGuarded = !remote.profile.statusMap.neverOver.isEmpty
            let values = [
                "ai": isGuarded ? ["ai-chatting", "human-chatting", "requested_chat"] : ["ai-chatting"], "none": ["requested_chat"],
                "human": ["human-chatting"], "finished": ["ended_chat", "completed"],
            ]
            return values[local.form]?.contains(value) == true
        }
    }

    /// Where nobody but the service changes anything, the value is the one that is sent for the local state.
    private func isSent(_ value: String, _ local: Local, _ remote: Remote) -> Bool {
        guard case .word(let word) = remote.profile.statusMap[local.state] else { return true }
        return value == word || word == "ended_chat" && value == plan.options.endedAs
    }

    private func hasSameTexts(_ local: Local, _ state: SandboxJSON, _ object: RemoteSystems.Object) -> Bool {
        let (title, tags) = (state["title"]?.string, Set(state["tags"]?.strings ?? []))
        guard title == local.title || title == plan.options.titleForm.stored(local.title) else { return false }
        return object.remote == "vg" ? tags.isSuperset(of: local.tags) : tags == local.tags
    }

    func told(_ object: RemoteSystems.Object) -> String {
        "\n    " + (remotes.history[object] ?? []).suffix(12).joined(separator: "\n    ")
    }
}

extension Kind {
    var carriesState: Bool { !receivesMessages }
}
