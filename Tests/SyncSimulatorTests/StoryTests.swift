import SandboxModel
import SyncCore
import Testing

@testable import SyncSimulator

/// One change by somebody at one system: who is written because of it, exactly.
@Suite(.ownThread) struct StoryTests {
    struct Change: CustomTestStringConvertible, Sendable {
        var remote: String
        var value: String
        /// `status|assignee` afterwards; the conversation is open and nobody's before.
        var local: String
        /// Calls to helpdesk, voicebot and vg.
        var writes: [Int]
        var isAdopted = true
        var testDescription: String { "\(remote) says \(value)" }
    }

    @Test(arguments: [
        Change(remote: "voicebot", value: "done", local: "closed|-", writes: [1, 0, 1]),
        Change(remote: "vg", value: "human-chatting", local: "open|agent_unknown", writes: [1, 1, 0]),
        Change(remote: "vg", value: "ai-chatting", local: "open|agent_fin", writes: [1, 1, 0]),
        Change(remote: "vg", value: "completed", local: "ended|-", writes: [1, 1, 0]),
        Change(remote: "helpdesk", value: "resolved", local: "resolved|-", writes: [0, 1, 1]),
        // Says nothing about who has the conversation: it agrees as it is.
        Change(remote: "voicebot", value: "in-progress", local: "open|-", writes: [0, 0, 0], isAdopted: false),
        // Has no meaning here.
        Change(remote: "vg", value: "open", local: "open|-", writes: [0, 0, 0], isAdopted: false),
        Change(remote: "voicebot", value: "snoozed", local: "open|-", writes: [0, 0, 0], isAdopted: false),
    ])
    func `a change at a remote is written to each of the others once, and never back`(change: Change) async throws {
        let story = try await Story()
        let before = story.writes
        try story.people(at: change.remote, [change.remote == "vg" ? "state" : "status": .string(change.value)])
        try await story.settle()
        #expect(try await story.local == change.local)
        #expect(try await story.adopted == (change.isAdopted ? ["\(change.remote)|\(change.value)"] : []))
        #expect(zip(story.writes, before).map { $0 - $1 } == change.writes)

        // Something else changes here: nothing of what they agreed on is sent again.
        try await story.change("title = 'another'")
        try await story.settle()
        #expect(try await story.local == change.local)
        #expect(zip(story.writes, before).map { $0 - $1 } == zip(change.writes, [1, 0, 1]).map { $0 + $1 })
    }

    /// It is overwritten by the next change of the status, and by nothing before that.
    @Test(arguments: [("vg", "state", "ended_chat"), ("voicebot", "status", "done")])
    func `a status value without a meaning stays until there is a status to send`(
        remote: String, field: String, ended: String
    ) async throws {
        let story = try await Story()
        let unmapped = SandboxJSON.string(try #require(RemoteSystems.unmapped[remote]))
        try story.people(at: remote, [field: unmapped])
        try await story.settle()
        try await story.change("tags = '[\"late\"]'")
        try await story.settle()
        #expect(story.state(at: remote)?[field] == unmapped)
        try await story.change("status = 'ended'")
        try await story.settle()
        #expect(story.state(at: remote)?[field] == .string(ended))
    }

    @Test(arguments: AdoptionPolicy.Conflict.allCases)
    func `what was sent without a response is not a change by the remote, whoever wins conflicts`(
        conflict: AdoptionPolicy.Conflict
    ) async throws {
        let story = try await Story(conflict: conflict, reopening: .always)
        let remotes = ["helpdesk", "voicebot", "vg"]
        // It arrives everywhere, and no response comes back.
        for remote in remotes { story.world.remotes.weather[remote] = .silent }
        try await story.change("status = 'closed'")
        try await story.run(for: .seconds(2))
        for remote in remotes { story.world.remotes.weather[remote] = .fair }
        #expect(story.state(at: "helpdesk")?["status"] == "closed")
        #expect(story.state(at: "voicebot")?["status"] == "done")
        #expect(story.state(at: "vg")?["state"] == "ended_chat")
        // The application has another opinion; before that is sent, every remote is read.
        try await story.change("status = 'open', assignee_id = 'jane'", isSeen: false)
        for remote in remotes { try await story.callWebhook(of: remote) }
        try await story.run(for: .seconds(1))
        story.world.committed()
        try await story.settle()
        #expect(try await story.local == "open|jane")
        #expect(try await story.adopted == [])
        try await story.expectAgreement()
    }

    @Test func `a changed field is one call to each remote, with that field`() async throws {
        let story = try await Story()
        let (before, row) = (story.writes, try await story.lastRow())
        try await story.change("status = 'closed'")
        try await story.settle()
        #expect(zip(story.writes, before).map { $0 - $1 } == [1, 1, 1])
        #expect(
            try await story.bodies(after: row) == [
                #"helpdesk|{"conversation_id":"c0","status":"closed"}"#, #"vg|{"conversation":{"state":"ended_chat"}}"#,
                #"voicebot|{"status":"done"}"#,
            ])
    }

    @Test func `a change back is sent where the response to the change was lost`() async throws {
        let story = try await Story()
        let before = story.writes
        for remote in ["helpdesk", "voicebot", "vg"] { story.world.remotes.weather[remote] = .silent }
        try await story.change("status = 'closed'")
        try await story.run(for: .seconds(2))
        for remote in ["helpdesk", "voicebot", "vg"] { story.world.remotes.weather[remote] = .fair }
        #expect(story.state(at: "helpdesk")?["status"] == "closed")
        try await story.change("status = 'open'")
        // Before anything is read.
        try await story.run(for: .seconds(2))
        #expect(zip(story.writes, before).map { $0 - $1 } == [2, 2, 2])
        try await story.settle()
        #expect(zip(story.writes, before).map { $0 - $1 } == [2, 2, 2])
        #expect(try await story.local == "open|-")
        #expect(try await story.adopted == [])
        try await story.expectAgreement()
    }
}
