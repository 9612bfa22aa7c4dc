import SyncCore
import Testing

/// Every row of the decision table of ``StatusReconciliation``, with policies, guards and evidence.
@Suite struct StatusReconciliationTests {
    private static let noon = Instant(milliseconds: 1_772_366_400_000)
    private static func at(_ minutes: Int64) -> Instant { noon + .minutes(minutes) }

    /// What is known from the last look, ten minutes before noon, unless a test says otherwise.
    struct Situation {
        var lens = DesignMaps.voicebot
        var policy = AdoptionPolicy()
        var known: String? = "in-progress"
        var knownAssignee = Observation.Assignee.unknown
        var knownAt: Instant? = StatusReconciliationTests.at(-10)
        var attempted: String?
        var local = LocalState.ai
        var isDue = false
        var localChangedAt = StatusReconciliationTests.at(-20)
        var localMessageAt: Instant?
        var assignee = Observation.Assignee.unknown
        var changedAt: Instant?
        var messageAt: Instant?

        func decide(_ word: String) -> StatusReconciliation.Decision {
            StatusReconciliation(lens: lens, policy: policy).decide(
                Observation(word: word, assignee: assignee, changedAt: changedAt, lastUserMessageAt: messageAt), word: word,
                known: known.map { .init(word: $0, assignee: knownAssignee, at: knownAt) }, attempted: attempted,
                local: .init(state: local, isDue: isDue, changedAt: localChangedAt, lastUserMessageAt: localMessageAt))
        }
    }

    // MARK: The rows of the table

    @Test func `unmapped: whatever is known or due, nothing happens`() {
        #expect(Situation().decide("snoozed") == .unmapped)
        #expect(Situation(known: nil).decide("snoozed") == .unmapped)
        #expect(Situation(known: "snoozed").decide("snoozed") == .unmapped)
        #expect(Situation(attempted: "snoozed", isDue: true).decide("snoozed") == .unmapped)
    }

    @Test func `silent: a word mapped to no statement`() {
        var situation = Situation()
        situation.lens.inbound.cells["done"] = .noStatement
        #expect(situation.decide("done") == .silent)
    }

    @Test func `unchanged: what it said before, in whichever spelling`() {
        #expect(Situation().decide("in-progress") == .unchanged)
        #expect(Situation(lens: DesignMaps.vg, known: "ended_chat", local: .ai, isDue: true).decide("completed") == .unchanged)
    }

    @Test func `echo: what a call of unknown fate carried`() {
        #expect(Situation(attempted: "done", local: .ended, isDue: true).decide("done") == .echo)
        #expect(Situation(lens: DesignMaps.vg, known: "ai-chatting", attempted: "ended_chat", local: .ai).decide("completed") == .echo)
        // Somebody took the conversation besides: that is more than what was sent.
        let taken = Situation(known: "to-do", attempted: "in-progress", local: .ai, isDue: true, assignee: .somebody("9"))
        #expect(taken.decide("in-progress") == .conflictLost(.human))
    }

    @Test func `first: the local projection is sent once, whatever a new link says`() {
        #expect(Situation(known: nil, knownAt: nil, local: .ai).decide("done") == .first)
        #expect(Situation(known: nil, knownAt: nil, local: .ended).decide("done") == .first)
    }

    @Test func `agreed: the local row looks like that over there`() {
        #expect(Situation(local: .ended, isDue: true).decide("done") == .agreed)
        #expect(Situation(known: "done", local: .nobody, isDue: true).decide("to-do") == .agreed)
        #expect(Situation(known: "to-do", local: .nobody).decide("in-progress") == .agreed)
    }

    @Test func `finer: both are finished, and the local word says more exactly how`() {
        #expect(Situation(lens: DesignMaps.fin, known: "replying", local: .ended).decide("complete") == .finer)
    }

    @Test func `adopted: the remote changed, the local row did not`() {
        #expect(Situation().decide("done") == .adopted(.closed))
        #expect(Situation().decide("to-do") == .adopted(.nobody))
        #expect(Situation(assignee: .somebody("7")).decide("in-progress") == .adopted(.human))
        #expect(Situation(lens: DesignMaps.vg, known: "ai-chatting").decide("human-chatting") == .adopted(.human))
        #expect(
            Situation(lens: DesignMaps.helpdesk, known: "ended", local: .ended).decide("closed") == .adopted(LocalState(.closed, .human)))
    }

    // MARK: Conflicts

    @Test func `both changed: the policy decides`() {
        func expect(
            _ decision: StatusReconciliation.Decision, by conflict: AdoptionPolicy.Conflict, localChange: Instant = Self.at(-20),
            remoteChange: Instant? = nil, lastLook: Instant? = Self.at(-10), at place: SourceLocation = #_sourceLocation
        ) {
            let situation = Situation(
                policy: .init(conflict: conflict), knownAt: lastLook, local: .nobody, isDue: true, localChangedAt: localChange,
                changedAt: remoteChange)
            #expect(situation.decide("done") == decision, sourceLocation: place)
        }
        let lost = StatusReconciliation.Decision.conflictLost(LocalState(.closed, .none))
        expect(.conflictWon, by: .local)
        expect(lost, by: .remote)
        // The remote dates its change.
        expect(lost, by: .newest, localChange: Self.at(-2), remoteChange: Self.at(-1))
        expect(.conflictWon, by: .newest, localChange: Self.at(-1), remoteChange: Self.at(-2))
        expect(.conflictWon, by: .newest, localChange: Self.at(-1), remoteChange: Self.at(-1))
        // It does not: its change came after the last look, so a local change before that look is the older one.
        expect(lost, by: .newest, localChange: Self.at(-11))
        expect(.conflictWon, by: .newest, localChange: Self.at(-9))
        expect(.conflictWon, by: .newest, lastLook: nil)
    }

    @Test func `what is due without a contradiction is no conflict`() {
        // Something else is due, but the remote came to the same by itself.
        #expect(Situation(policy: .init(conflict: .remote), local: .resolved, isDue: true).decide("done") == .agreed)
    }

    // MARK: Reopening

    @Test func `reopened only by evidence`() {
        func expect(
            _ decision: StatusReconciliation.Decision, by reopening: AdoptionPolicy.Reopening, messageThere: Instant? = nil,
            messageHere: Instant? = nil, at place: SourceLocation = #_sourceLocation
        ) {
            let situation = Situation(
                policy: .init(reopening: reopening), known: "done", local: .ended, localChangedAt: Self.at(-20),
                localMessageAt: messageHere, messageAt: messageThere)
            #expect(situation.decide("to-do") == decision, sourceLocation: place)
        }
        expect(.reopeningRefused, by: .message)
        expect(.reopeningRefused, by: .message, messageThere: Self.at(-21), messageHere: Self.at(-20))
        expect(.adopted(.nobody), by: .message, messageThere: Self.at(-19))
        expect(.adopted(.nobody), by: .message, messageHere: Self.at(-19))
        expect(.reopeningRefused, by: .never, messageThere: Self.at(-1))
        expect(.adopted(.nobody), by: .always)
        // Another word for "finished" is no reopening.
        let other = Situation(lens: DesignMaps.helpdesk, policy: .init(reopening: .never), known: "ended", local: .ended)
        #expect(other.decide("closed") == .adopted(LocalState(.closed, .human)))
    }

    @Test func `a lost conflict does not open what evidence does not`() {
        let situation = Situation(policy: .init(conflict: .remote), known: "done", local: .ended, isDue: true)
        #expect(situation.decide("to-do") == .reopeningRefused)
        var evident = situation
        evident.messageAt = Self.at(-1)
        #expect(evident.decide("to-do") == .conflictLost(.nobody))
    }
}
