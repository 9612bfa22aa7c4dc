import SyncCore
import Testing

/// Who answers: people who take a conversation over there, and a remote that only tells (fin).
@Suite struct StatusTakeoverTests {
    typealias Situation = StatusReconciliationTests.Situation
    private static let noon = Instant(milliseconds: 1_772_366_400_000)

    // MARK: Takeovers

    @Test func `a person who takes an unchanged word is a takeover`() {
        #expect(Situation(local: .ai, assignee: .somebody("9")).decide("in-progress") == .adopted(.human))
        #expect(Situation(knownAssignee: .nobody, local: .ai, assignee: .somebody("9")).decide("in-progress") == .adopted(.human))
        #expect(Situation(knownAssignee: .somebody("9"), local: .human, assignee: .somebody("9")).decide("in-progress") == .unchanged)
    }

    @Test func `of two people the later one has it`() {
        let situation = Situation(knownAssignee: .somebody("7"), local: .human, assignee: .somebody("9"))
        #expect(situation.decide("in-progress") == .adopted(.human))
    }

    @Test func `a takeover against a local change goes by the policy`() {
        var situation = Situation(knownAssignee: .somebody("7"), local: .human, isDue: true, assignee: .somebody("9"))
        situation.localChangedAt = Self.noon
        situation.policy.conflict = .local
        #expect(situation.decide("in-progress") == .conflictWon)
        situation.policy.conflict = .remote
        #expect(situation.decide("in-progress") == .adopted(.human))
    }

    @Test func `somebody who leaves, or who is named beside another word, takes nothing over`() {
        #expect(Situation(knownAssignee: .somebody("7"), local: .human, assignee: .nobody).decide("in-progress") == .unchanged)
        #expect(Situation(known: "done", local: .ended, assignee: .somebody("9")).decide("done") == .unchanged)
        #expect(Situation(known: "to-do", local: .nobody, assignee: .somebody("9")).decide("to-do") == .unchanged)
    }

    // MARK: A remote that is never told anything

    @Test func `a conversation begins with the AI, and what Fin says first says nothing new`() {
        for word in ["thinking", "replying", "awaiting_user_reply"] {
            #expect(Situation(lens: DesignMaps.fin, known: nil, local: .human).decide(word) == .unchanged)
        }
        #expect(Situation(lens: DesignMaps.fin, known: nil, local: .ai).decide("escalated") == .adopted(.nobody))
        #expect(Situation(lens: DesignMaps.fin, known: nil, local: .ai).decide("resolved") == .adopted(.resolved))
    }

    @Test func `Fin at work in any word is the same`() {
        #expect(Situation(lens: DesignMaps.fin, known: "thinking", local: .human).decide("replying") == .unchanged)
    }

    @Test func `complete says nothing after resolved or escalated, and ends what it ends alone`() {
        #expect(Situation(lens: DesignMaps.fin, known: "resolved", local: .resolved).decide("complete") == .silent)
        #expect(Situation(lens: DesignMaps.fin, known: "escalated", local: .nobody).decide("complete") == .silent)
        #expect(Situation(lens: DesignMaps.fin, known: "awaiting_user_reply", local: .ai).decide("complete") == .adopted(.closed))
        #expect(Situation(lens: DesignMaps.fin, known: nil, local: .ai).decide("complete") == .adopted(.closed))
    }

    @Test func `nobody takes a conversation from a person by saying that one is needed`() {
        #expect(Situation(lens: DesignMaps.fin, known: "replying", local: .human).decide("escalated") == .attended)
        // At a remote that is told, the same word means that the person gave it back.
        #expect(Situation(lens: DesignMaps.vg, known: "human-chatting", local: .human).decide("requested_chat") == .adopted(.nobody))
        // A finished conversation has nobody who answers: that is a reopening.
        #expect(Situation(lens: DesignMaps.fin, known: "replying", local: .ended).decide("escalated") == .reopeningRefused)
    }

    @Test func `an event that is older than the local change has lost`() {
        var situation = Situation(lens: DesignMaps.fin, known: "replying", local: .nobody)
        situation.localChangedAt = Self.noon
        situation.changedAt = Self.noon - .seconds(1)
        #expect(situation.decide("resolved") == .conflictWon)
        situation.policy.conflict = .remote
        #expect(situation.decide("resolved") == .conflictLost(LocalState(.resolved, .none)))
        situation.policy.conflict = .newest
        situation.changedAt = Self.noon + .seconds(1)
        #expect(situation.decide("resolved") == .adopted(LocalState(.resolved, .none)))
    }

    // MARK: Events in the wrong order

    @Test func `what was taken over for want of an earlier word is taken back`() {
        let reconciliation = StatusReconciliation(lens: DesignMaps.fin, policy: .init())
        func late(_ word: String, local: LocalState, changedAt: Instant = Self.noon) -> LocalState? {
            reconciliation.decideLate(word, after: "complete", at: Self.noon, local: .init(state: local, changedAt: changedAt))
        }
        #expect(late("escalated", local: .closed) == .nobody)
        #expect(late("resolved", local: .closed) == .resolved)
        #expect(late("replying", local: .closed) == nil)
        // The local row was changed since by somebody else, or never taken over.
        #expect(late("escalated", local: .closed, changedAt: Self.noon + .milliseconds(1)) == nil)
        #expect(late("escalated", local: .ended) == nil)
    }
}
