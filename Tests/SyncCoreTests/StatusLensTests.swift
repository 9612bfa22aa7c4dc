import SyncCore
import Testing

/// The law (docs/remotes/README.md, "The law"): a state that looks like the status value stays, any other becomes what the value means.
@Suite struct StatusLensTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var lens: StatusLens
        var word: String
        var hasAssignee = false
        var local: LocalState
        var image: StatusLens.Image
        var testDescription: String { "\(word)\(hasAssignee ? " with an assignee" : "") onto \(local.name)" }

        init(_ lens: StatusLens, _ word: String, _ local: LocalState, _ image: StatusLens.Image, hasAssignee: Bool = false) {
            (self.lens, self.word, self.local, self.image, self.hasAssignee) = (lens, word, local, image, hasAssignee)
        }
    }

    private static let voicebot = DocumentedMaps.voicebot
    private static let vg = DocumentedMaps.vg

    @Test(arguments: [
        // voicebot has one status value for all finished states: the local one is kept.
        Case(voicebot, "done", .ended, .stays), Case(voicebot, "done", .resolved, .stays), Case(voicebot, "done", .closed, .stays),
        Case(voicebot, "done", .human, .becomes(LocalState(.closed, .human))),
        Case(voicebot, "to-do", .nobody, .stays), Case(voicebot, "to-do", .ai, .becomes(.nobody)),
        Case(voicebot, "to-do", .human, .becomes(.nobody)), Case(voicebot, "to-do", .closed, .becomes(.nobody)),
        // "In progress" without an assignee does not say who has the conversation.
        Case(voicebot, "in-progress", .ai, .stays), Case(voicebot, "in-progress", .human, .stays),
        Case(voicebot, "in-progress", .nobody, .stays), Case(voicebot, "in-progress", .closed, .becomes(.ai)),
        Case(voicebot, "in-progress", .ai, .becomes(.human), hasAssignee: true),
        Case(voicebot, "in-progress", .nobody, .becomes(.human), hasAssignee: true),
        Case(voicebot, "in-progress", .human, .stays, hasAssignee: true),
        Case(voicebot, "in-progress", .ended, .becomes(.human), hasAssignee: true),
        // vg.
        Case(vg, "ended_chat", .closed, .stays), Case(vg, "completed", .resolved, .stays),
        Case(vg, "completed", .ai, .becomes(LocalState(.ended, .ai))),
        Case(vg, "human-chatting", .ai, .becomes(.human)), Case(vg, "requested_chat", .human, .becomes(.nobody)),
        Case(vg, "ai-chatting", .human, .becomes(.ai)), Case(vg, "ai-chatting", .ai, .stays),
        // The guard applies to writing only: what is read counts.
        Case(vg, "human-chatting", .human, .stays),
        // Status values that are not mapped.
        Case(vg, "open", .ai, .unmapped), Case(voicebot, "Done", .ended, .unmapped), Case(voicebot, "", .ai, .unmapped),
        // The helpdesk distinguishes finished states as exactly as the local row.
        Case(DocumentedMaps.helpdesk, "closed", .ended, .becomes(LocalState(.closed, .human))),
        Case(DocumentedMaps.helpdesk, "resolved", .closed, .becomes(.resolved)),
        Case(DocumentedMaps.helpdesk, "open", .nobody, .stays), Case(DocumentedMaps.helpdesk, "open", .ended, .becomes(.human)),
        // No status is ever sent to fin, so no local state looks like its status values.
        Case(DocumentedMaps.fin, "complete", .resolved, .stays), Case(DocumentedMaps.fin, "complete", .human, .stays),
        Case(DocumentedMaps.fin, "complete", .nobody, .stays), Case(DocumentedMaps.fin, "complete", .ai, .becomes(.nobody)),
        Case(DocumentedMaps.fin, "resolved", .closed, .becomes(.resolved)),
        Case(DocumentedMaps.fin, "escalated", .ai, .becomes(.nobody)), Case(DocumentedMaps.fin, "replying", .ai, .stays),
    ])
    func `a status value keeps a local state that looks like it, and replaces any other`(_ test: Case) {
        #expect(test.lens.image(of: test.word, hasAssignee: test.hasAssignee, onto: test.local) == test.image)
    }

    @Test func `a person who is named gets an unassigned conversation, whatever the status value looks like`() {
        var lens = Self.voicebot
        lens.inbound.cells["to-do"] = .state(.open, .named)
        #expect(lens.put("to-do", hasAssignee: true, onto: .nobody) == .human)
        #expect(lens.put("to-do", hasAssignee: true, onto: .human) == .human)
        #expect(lens.put("to-do", onto: .human) == .nobody)
        // Two owners share a status value that means one of them: without an assignee nothing changes, with one the owner does.
        lens.inbound.cells["in-progress"] = .state(.open, .human)
        #expect(lens.image(of: "in-progress", hasAssignee: false, onto: .ai) == .stays)
        #expect(lens.image(of: "in-progress", hasAssignee: true, onto: .ai) == .becomes(.human))
    }

    @Test func `the end of a conversation does not remove its assignee`() {
        var lens = Self.voicebot
        lens.inbound.cells["done"] = .state(.closed, .none)
        #expect(lens.put("done", onto: .human) == LocalState(.closed, .human))
    }

    @Test func `a status value that is mapped to no statement changes nothing`() {
        var lens = Self.voicebot
        lens.inbound.cells["done"] = .noStatement
        #expect(lens.image(of: "done", hasAssignee: false, onto: .ai) == .silent)
        #expect(lens.put("done", onto: .ai) == .ai)
    }

    @Test func `two status values mean the same if they map to the same state, and two unmapped ones never do`() {
        #expect(Self.vg.inbound.meanSame("completed", "ended_chat"))
        #expect(!Self.vg.inbound.meanSame("completed", "ai-chatting"))
        #expect(!Self.vg.inbound.meanSame("this", "that"))
        #expect(Self.vg.inbound.meanSame("this", "this"))
    }

    @Test func `a state for which nothing is sent looks like no status value`() {
        var lens = Self.vg
        lens.outbound[.closed] = .noStatement
        #expect(!lens.looks(.closed, like: "ended_chat"))
        #expect(lens.looks(.ended, like: "completed"))
    }

    @Test func `only a map without any outbound status value is read-only`() {
        #expect(DocumentedMaps.fin.isReadOnly)
        for lens in [DocumentedMaps.helpdesk, Self.voicebot, Self.vg] { #expect(!lens.isReadOnly) }
        var lens = DocumentedMaps.fin
        lens.outbound[.ai] = .word("thinking")
        #expect(!lens.isReadOnly)
    }

    @Test func `vg's guard: a bot status is not sent over that of a person`() {
        let map = Self.vg.outbound
        #expect(map.word(for: .ai, over: "human-chatting") == nil)
        #expect(map.word(for: .ai, over: "requested_chat") == nil)
        #expect(map.word(for: .ai, over: "ended_chat") == "ai-chatting")
        #expect(map.word(for: .ai, over: nil) == "ai-chatting")
        #expect(map.word(for: .human, over: "requested_chat") == "human-chatting")
        #expect(map.word(for: .ended, over: "human-chatting") == "ended_chat")
    }
}
