import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// `resend`: what a remote acknowledged is forgotten, the present state is sent, and nothing older is adopted meanwhile.
@Suite struct ResendingTests {
    private let later = StoreScenario.start + .minutes(5)
    private let vg = PreviewScope(remote: "vg")
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    /// vg holds the local state, and was read to confirm it.
    private func scenario() async throws -> StoreScenario {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET status = 'closed', title = 'present'")
        try await scenario.converge(now: StoreScenario.start + .minutes(1))
        return scenario
    }

    private func resend(_ scenario: StoreScenario, _ scope: PreviewScope) async throws {
        try await scenario.store.resend(scope, at: scenario.remotes, now: later)
        while try await scenario.store.feedReplan(scenario.remotes, now: later) > 0 {}
    }

    private func report(_ scenario: StoreScenario, _ word: String, title: String = "former", began: Instant, dated: Instant? = nil)
        async throws
        -> [Reconciled]
    {
        var observation = Observation(word: word, changedAt: dated)
        observation.title = title
        let report = Report(
            remote: "vg", subject: .object(ReadRequest(remoteID: "r-c1", agentID: "agent9")), observation: observation, readAt: began)
        return try await scenario.store.reconcile([report], scenario.inbound(now: began))
    }

    private func local(_ scenario: StoreScenario) throws -> [String] { try scenario.lines("SELECT status, title FROM conversations") }

    private func waiting(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT remote, body FROM outbox WHERE state = 'pending' ORDER BY id")
    }

    @Test func `everything is due again at that remote, and at no other`() async throws {
        let scenario = try await scenario()
        try await scenario.plan(now: later)
        #expect(try waiting(scenario) == [])
        try await resend(scenario, vg)
        try await scenario.plan(now: later)
        #expect(try waiting(scenario) == [#"vg|{"status":"closed","title":"present"}"#])
        try await scenario.converge(now: later)
        try await scenario.plan(now: later)
        #expect(try waiting(scenario) == [])
        #expect(try scenario.lines("SELECT record LIKE '%forgotten%' FROM link_state WHERE remote = 'vg'") == ["0"])
    }

    @Test func `an older state that a restored remote reports is not adopted, and the present one is sent`() async throws {
        let scenario = try await scenario()
        try await resend(scenario, vg)
        #expect(try await report(scenario, "open", began: later + .seconds(1)).allSatisfy { $0.verdict.changes.isEmpty })
        try await scenario.plan(now: later + .seconds(2))
        #expect(try waiting(scenario) == [#"vg|{"status":"closed","title":"present"}"#])
        _ = try await report(scenario, "open", began: later + .seconds(3), dated: StoreScenario.start)
        try await scenario.converge(now: later + .seconds(4))
        #expect(try local(scenario) == ["closed|present"])
        #expect(try scenario.lines("SELECT count(*) FROM adopted_changes") == ["0"])
        // From now on its reports are adopted again.
        _ = try await report(scenario, "closed", title: "present", began: later + .minutes(1))
        let changed = try await report(scenario, "resolved", title: "present", began: later + .minutes(3), dated: later + .minutes(2))
        #expect(changed.contains { $0.verdict.changes.status == .resolved })
    }

    @Test func `a value that the remote already holds is not sent`() async throws {
        let scenario = try await scenario()
        try await resend(scenario, vg)
        _ = try await report(scenario, "closed", title: "present", began: later + .seconds(1))
        try await scenario.plan(now: later + .seconds(2))
        #expect(try waiting(scenario) == [])
    }

    @Test func `a read that began before the resend is ignored`() async throws {
        let scenario = try await scenario()
        try await resend(scenario, vg)
        _ = try await report(scenario, "closed", title: "present", began: later - .seconds(1))
        try await scenario.plan(now: later + .seconds(2))
        #expect(try waiting(scenario) == [#"vg|{"status":"closed","title":"present"}"#])
    }

    @Test func `a call that was in flight does not end the first contact`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'newer'")
        try await scenario.plan(now: later - .seconds(2))
        let inFlight = try await scenario.claimOne("vg", now: later - .seconds(1))
        #expect(inFlight.body == #"{"title":"newer"}"#)
        try await resend(scenario, vg)
        try await scenario.finish(inFlight, ok, now: later - .seconds(1))
        _ = try await report(scenario, "open", began: later + .seconds(1))
        #expect(try local(scenario) == ["closed|newer"])
        try await scenario.converge(now: later + .seconds(2))
        _ = try await report(scenario, "closed", title: "newer", began: later + .seconds(3))
        #expect(
            try scenario.lines("SELECT body FROM outbox WHERE remote = 'vg' AND state = 'delivered' ORDER BY id DESC LIMIT 1")
                == [#"{"status":"closed","title":"newer"}"#])
        #expect(try local(scenario) == ["closed|newer"])
    }

    @Test func `a row that was planned before the resend and is sent first does not end the first contact`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'newer'")
        try await scenario.plan(now: later)
        try await scenario.store.resend(vg, at: scenario.remotes, now: later)
        // A row younger than two seconds does not wait for planning.
        try await scenario.finish(try await scenario.claimOne("vg", now: later + .seconds(1)), ok, now: later + .seconds(1))
        // A difference soon after a call is read twice before it is accepted.
        for seconds in [2, 3] { _ = try await report(scenario, "resolved", title: "newer", began: later + .seconds(seconds)) }
        #expect(try local(scenario) == ["closed|newer"])
        try await scenario.plan(now: later + .seconds(4))
        #expect(try waiting(scenario).filter { $0.hasPrefix("vg") } == [#"vg|{"status":"closed"}"#])
    }

    @Test func `a gone object is tried again, and the row that found it gone is discarded`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'newer'")
        try await scenario.plan(now: later)
        let claimed = try await scenario.claimOne("vg", now: later)
        try await scenario.finish(claimed, DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404"), now: later)
        let preview = try await scenario.store.previewResend(vg, scenario.context(now: later))
        #expect(preview.map(\.gone) == [1])
        #expect(preview.map(\.calls) == [1])
        try await resend(scenario, vg)
        try await scenario.plan(now: later)
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = \(claimed.id)") == ["discarded"])
        #expect(try waiting(scenario).filter { $0.hasPrefix("vg") } == [#"vg|{"status":"closed","title":"newer"}"#])
    }

    @Test func `a dead row with the same content stays, and a waiting one is superseded`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'newer'")
        try await scenario.plan(now: later)
        let waitingID = try scenario.lines("SELECT id FROM outbox WHERE remote = 'vg' AND state = 'pending'")
        try await resend(scenario, vg)
        try await scenario.plan(now: later)
        #expect(try scenario.lines("SELECT id FROM outbox WHERE remote = 'vg' AND state = 'superseded'") == waitingID)
        let claimed = try await scenario.claimOne("vg", now: later)
        try await scenario.finish(claimed, DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400"), now: later)
        #expect(try await scenario.store.previewResend(vg, scenario.context(now: later)).map(\.dead) == [1])
        try await resend(scenario, vg)
        try await scenario.plan(now: later)
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = \(claimed.id)") == ["dead"])
        #expect(try waiting(scenario).filter { $0.hasPrefix("vg") } == [])
    }

    @Test func `a discarded refusal is counted after a resend as well, and a discarded state is due`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'refused'")
        try await scenario.plan(now: later)
        let refused = try await scenario.claimOne("vg", now: later)
        var outcome = DeliveryOutcome(.dead, httpStatus: 422, error: "HTTP 422")
        outcome.refusal = RefusedMembers(members: ["title"])
        try await scenario.finish(refused, outcome, now: later)
        try scenario.write("UPDATE conversations SET status = 'ended'")
        try await scenario.plan(now: later)
        var filter = OutboxFilter()
        filter.remote = "vg"
        #expect(try await scenario.store.manage(.discard, filter, now: later).affected.count == 2)
        try await resend(scenario, vg)
        try await scenario.plan(now: later)
        let discarded = { try scenario.lines("SELECT discarded_row FROM link_state WHERE remote = 'vg'") }
        #expect(try waiting(scenario).filter { $0.hasPrefix("vg") } == [#"vg|{"status":"ended"}"#])
        #expect(try discarded() == ["\(refused.id)"])
        try await scenario.converge(now: later)
        #expect(try discarded() == ["\(refused.id)"])
    }

    @Test func `a preview counts as held what replaces a row that the brake holds, and so does the run`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'newer'")
        try await scenario.plan(now: later, brake: .engaged)
        let held = "SELECT body FROM outbox WHERE remote = 'vg' AND state = 'held' AND held_by = 'brake'"
        #expect(try scenario.lines(held) == [#"{"title":"newer"}"#])
        let preview = try await scenario.store.previewResend(vg, scenario.context(now: later))
        #expect(preview.map(\.calls) == [0])
        #expect(preview.map(\.held) == [1])
        try await resend(scenario, vg)
        try await scenario.plan(now: later)
        #expect(try scenario.lines(held) == [#"{"status":"closed","title":"newer"}"#])
        #expect(try waiting(scenario).filter { $0.hasPrefix("vg") } == [])
    }

    @Test func `a conversation is sent again to all of its remotes, and its messages are not`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c2")
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1'")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.converge(now: StoreScenario.start + .minutes(2))
        try await resend(scenario, PreviewScope(conversationID: "c1"))
        #expect(try scenario.feed() == ["c1|helpdesk|0", "c1|vg|0", "c1|voicebot|0"])
        try await scenario.plan(now: later)
        #expect(try scenario.lines("SELECT conversation_id, remote FROM outbox WHERE state = 'pending' ORDER BY 2").count == 3)
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE payload = 'message'") == ["1"])
    }

    @Test func `a preview shows what would be sent, and writes nothing`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c2", "c3")
        try await scenario.converge(now: StoreScenario.start + .minutes(2))
        let tables = ["outbox", "change_feed", "link_state", "remotes"]
        let before = try tables.map { try scenario.lines("SELECT * FROM \($0)") }
        let preview = try await scenario.store.previewResend(vg, scenario.context(now: later))
        #expect(preview.map(\.remote) == ["vg"])
        #expect(preview.first?.conversations == 3)
        #expect(preview.first?.calls == 3)
        #expect(preview.first?.fields == ["status": 3, "title": 3])
        #expect(preview.first?.reach.touched == 3, "the brake counts what the remote was told before")
        #expect(try tables.map { try scenario.lines("SELECT * FROM \($0)") } == before)
        let one = try await scenario.store.previewResend(PreviewScope(conversationID: "c2"), scenario.context(now: later))
        #expect(Set(one.map(\.remote)) == ["helpdesk", "vg", "voicebot"])
        #expect(one.allSatisfy { $0.conversations == 1 })
    }

    @Test func `nothing is claimed before all conversations are on the feed, and the brake surveys all of them`() async throws {
        let scenario = try await scenario()
        try scenario.addConversations("c2", "c3")
        try await scenario.converge(now: StoreScenario.start + .minutes(2))
        try scenario.write("UPDATE conversations SET title = 'newer' WHERE id = 'c2'")
        try await scenario.plan(now: later)
        try await scenario.store.write { session in try Store.requestResending([.vg], session) }
        var pages = 0
        repeat {
            #expect(try await scenario.claim("vg", now: later).isEmpty)
            pages += 1
        } while try await scenario.store.feedReplan(scenario.remotes, pageSize: 1, now: later) > 0
        #expect(pages == 4)
        let survey = try await scenario.store.surveyFeed(scenario.context(now: later), rememberedRows: .max)
        #expect(survey.reach.any.touched == 3)
    }

    // MARK: Interruptions

    /// Three conversations that vg holds, and the state after the first transactions of a command that sends them again: the order, and a page of one
    /// link each.
    private func interrupted(after pages: Int) async throws -> StoreScenario {
        let scenario = try await scenario()
        try scenario.addConversations("c2", "c3")
        try await scenario.converge(now: StoreScenario.start + .minutes(2))
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: later)
        while try await scenario.store.feedReplan(scenario.remotes, now: later) > 0 {}
        try await scenario.plan(now: later)
        #expect(try waiting(scenario) == [])
        try await scenario.store.write { session in try Store.requestResending([.vg], session) }
        for _ in 0..<pages { _ = try await scenario.store.feedReplan([.vg], pageSize: 1, now: later) }
        return scenario
    }

    /// Links of which nothing is known and nothing would be sent.
    private func lost(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines(
            """
            SELECT s.conversation_id FROM link_state s
            WHERE s.record LIKE '%forgotten%' AND NOT EXISTS (
                SELECT 1 FROM change_feed f WHERE f.conversation_id = s.conversation_id AND f.remote = s.remote AND f.deferred = 0)
            """)
    }

    private func conversations(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT conversation_id FROM outbox WHERE state = 'pending' AND remote = 'vg' ORDER BY 1")
    }

    private static let order = "SELECT replan_cursor, is_resending FROM remotes WHERE name = 'vg'"

    @Test(arguments: 0...4)
    func `whichever transaction is the last one of the command, the next run sends everything`(_ pages: Int) async throws {
        let scenario = try await interrupted(after: pages)
        #expect(try scenario.lines("SELECT count(*) FROM link_state WHERE record LIKE '%forgotten%'") == ["\(min(pages, 3))"])
        #expect(try lost(scenario) == [])
        #expect(try scenario.lines("SELECT is_resending FROM remotes WHERE name = 'vg'") == [pages < 4 ? "1" : "0"])
        let shown = Mutex<[String]>([])
        try await scenario.store.preview(scenario.context(now: later)) { page in
            shown.withLock { $0 += page.map { "\($0.conversationID) \($0.remote)" } }
        }
        #expect(shown.withLock { $0 } == ["c1 vg", "c2 vg", "c3 vg"], "`plan` says what the run will do")
        try await scenario.plan(now: later)
        #expect(try conversations(scenario) == ["c1", "c2", "c3"])
        #expect(try scenario.lines(Self.order) == ["-|0"])
    }

    @Test func `a command that fails after some pages leaves the rest to the next run`() async throws {
        let scenario = try StoreScenario([.vg])
        let last = PlanWriter.pageSize + 200
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < \(1000 + last))
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'vg', id, NULL FROM conversations;
            """)
        try await scenario.plan()
        // As if all of it had been sent.
        try scenario.write("UPDATE outbox SET state = 'delivered'")
        try await scenario.plan()
        #expect(try conversations(scenario) == [])
        try scenario.write(
            """
            CREATE TRIGGER full BEFORE UPDATE ON link_state WHEN NEW.conversation_id = 'c\(1000 + last)'
            BEGIN SELECT RAISE(ABORT, 'disk full'); END
            """)
        await #expect(throws: StoreError.self) { try await scenario.store.resend(vg, at: scenario.remotes, now: later) }
        #expect(
            try scenario.lines("SELECT count(*) FROM link_state WHERE record LIKE '%forgotten%'") == ["\(PlanWriter.pageSize)"],
            "the first page is forgotten")
        #expect(try lost(scenario) == [])
        try scenario.write("DROP TRIGGER full")
        try await scenario.plan(now: later)
        #expect(try conversations(scenario).count == last)
        #expect(try scenario.lines(Self.order) == ["-|0"])
    }

    @Test func `a conversation is forgotten and on the feed, or neither`() async throws {
        let scenario = try await scenario()
        let before = try scenario.feed()
        try scenario.write(
            "CREATE TRIGGER full BEFORE INSERT ON change_feed WHEN NEW.remote = 'voicebot' BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        await #expect(throws: StoreError.self) {
            try await scenario.store.resend(PreviewScope(conversationID: "c1"), at: scenario.remotes, now: later)
        }
        #expect(try scenario.lines("SELECT count(*) FROM link_state WHERE record LIKE '%forgotten%'") == ["0"])
        #expect(try scenario.feed() == before)
    }

    @Test func `an interrupted order survives a configuration without the remote, and ends with another kind`() async throws {
        let scenario = try await interrupted(after: 1)
        let others = scenario.remotes.filter { $0.name != "vg" }
        _ = try await scenario.store.reconcileRemotes(others, now: later)
        _ = try await scenario.store.dropStrayFeed(others)
        try await scenario.plan(now: later, remotes: others)
        #expect(try scenario.lines(Self.order) == ["-|1"])
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: later)
        #expect(try scenario.lines(Self.order) == ["|1"])
        try await scenario.plan(now: later)
        #expect(try conversations(scenario) == ["c1", "c2", "c3"])
        let other = try await interrupted(after: 1)
        let kinds = [RemoteParticipation.voicebot.with { $0.name = "vg" }] + other.remotes.filter { $0.name != "vg" }
        _ = try await other.store.reconcileRemotes(kinds, now: later)
        #expect(try other.lines(Self.order) == ["|0"])
    }
}
