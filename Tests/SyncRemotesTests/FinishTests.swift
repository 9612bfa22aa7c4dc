import SyncCore
import SyncRemotes
import Testing

/// Which calls end a conversation at the remote: what the brake counts as `finish`.
@Suite struct FinishTests {
    private func finishes(
        _ kind: Kind, _ status: LocalStatus, base: Fields, attempted: Fields = [:], seen: Fields = [:], map: StatusMap? = nil
    ) -> Bool? {
        let profile = Profile(name: "r", kind: kind, statusMap: map, agentID: "a", aiAssignees: ["bot"])
        let conversation = Conversation(
            id: "c1", title: "t", tags: [], attributes: [:], status: status, assigneeID: "bot", lastUserReadAt: nil, user: nil,
            createdAt: "2026-03-01T11:00:00.000Z", updatedAt: "2026-03-01T11:00:00.000Z")
        let snapshot = LinkSnapshot(
            conversation, remote: "r", link: Link(remoteID: "17"), base: base, inDoubt: attempted, seen: seen)
        guard case .send(let planned) = kind.adapter(profile).plan(snapshot).decision else { return nil }
        return planned.finishes
    }

    @Test(arguments: [
        (Kind.helpdesk, "status", "open", "closed"), (.voicebot, "status", "in-progress", "done"),
        (.vg, "state", "ai-chatting", "ended_chat"), (.vg, "state", "ai-chatting", "completed"),
    ])
    func `a finished status value over an open one is an end`(kind: Kind, field: String, openWord: String, finishedWord: String) {
        #expect(finishes(kind, .closed, base: [field: .string(openWord)]) == true)
        #expect(finishes(kind, .ended, base: [field: .string(finishedWord)]) != true, "it is finished already")
        #expect(finishes(kind, .open, base: [field: .string(finishedWord)]) == false, "it is reopened")
        #expect(finishes(kind, .closed, base: [:]) == false, "nothing is known to be open")
    }

    @Test func `a report takes precedence over an acknowledgement, and an attempt over both`() {
        #expect(finishes(.voicebot, .closed, base: ["status": "in-progress"], seen: ["status": "done"]) != true)
        #expect(finishes(.voicebot, .closed, base: ["status": "done"], attempted: ["status": "in-progress"]) == true)
    }

    @Test func `a status map that sends done for open conversations ends them`() {
        let wrong = StatusMap { _ in .word("done") }
        #expect(finishes(.voicebot, .open, base: ["status": "in-progress"], map: wrong) == true)
    }

    @Test func `a configured status value has the configured meaning`() {
        let own = StatusMap { $0.status.isFinished ? .word("archived") : .word("live") }
        #expect(finishes(.voicebot, .closed, base: ["status": "live"], map: own) == true)
        let odd = StatusMap { $0.status.isFinished ? .word("in-progress") : .word("to-do") }
        #expect(finishes(.voicebot, .closed, base: ["status": "to-do"], map: odd) == false, "in-progress does not mean finished")
    }
}
