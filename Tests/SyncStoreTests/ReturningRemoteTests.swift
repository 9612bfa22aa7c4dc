import SyncCore
import Testing

@testable import SyncStore

/// A remote that was out of service for any reason is sent what changed meanwhile, and no older state.
@Suite struct ReturningRemoteTests {
    enum Absence: CaseIterable, Sendable { case disabled, removed }

    private func remotes(without name: String, _ absence: Absence, of bench: Bench) -> [RemoteParticipation] {
        absence == .removed
            ? bench.remotes.filter { $0.name != name } : bench.remotes.map { $0.name == name ? $0.disabled : $0 }
    }

    /// The start of an engine, and a run of it.
    private func run(_ bench: Bench, _ remotes: [RemoteParticipation], at now: Instant) async throws {
        _ = try await bench.store.reconcileRemotes(remotes, now: now)
        _ = try await bench.store.dropStrayFeed(remotes)
        while try await bench.store.feedReplan(remotes, now: now) > 0 {}
        try await bench.plan(now: now, remotes: remotes)
    }

    @Test(arguments: Absence.allCases, ["vg", "helpdesk"])
    func `a returning remote is sent what changed, and no retry of an older state`(_ absence: Absence, _ name: String) async throws {
        let bench = try Bench()
        try bench.addConversations("c1", "c2", "c3", "c4")
        try await run(bench, bench.remotes, at: Bench.start)
        // c1 was delivered; c2, c3 and c4 wait for a retry.
        for claimed in try await bench.claim(name) {
            let outcome =
                claimed.conversationID == "c1"
                ? DeliveryOutcome(.delivered, httpStatus: 200) : DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503")
            try await bench.finish(claimed, outcome)
        }
        let meanwhile = Bench.start + .hours(1)
        try await run(bench, remotes(without: name, absence, of: bench), at: meanwhile)
        try bench.write("UPDATE conversations SET status = 'closed' WHERE id <> 'c3'; DELETE FROM conversations WHERE id = 'c4'")
        try await run(bench, remotes(without: name, absence, of: bench), at: meanwhile)
        #expect(try bench.lines("SELECT fingerprint FROM remotes WHERE name = '\(name)'") == ["-"])
        let back = Bench.start + .hours(2)
        #expect(try await bench.store.reconcileRemotes(bench.remotes, now: back) == [name])
        #expect(try await bench.claim(name, now: back).isEmpty, "old state before everything is on the feed")
        #expect(try await bench.store.feedReplan(bench.remotes, pageSize: 1, now: back) == 1)
        #expect(try await bench.claim(name, now: back).isEmpty)
        while try await bench.store.feedReplan(bench.remotes, pageSize: 1, now: back) > 0 {}
        #expect(try await bench.claim(name, now: back).isEmpty, "old state before its conversation was planned")
        try await bench.plan(now: back)
        let sent = try await bench.claim(name, now: back).sorted { $0.conversationID < $1.conversationID }
        #expect(sent.map(\.conversationID) == ["c1", "c2", "c3"])
        #expect(
            sent.map(\.body) == [
                "{\"status\":\"closed\"}", "{\"status\":\"closed\",\"title\":null}", "{\"status\":\"open\",\"title\":null}",
            ])
    }

    @Test(arguments: Absence.allCases)
    func `messages wait for a returning Fin, in their order`(_ absence: Absence) async throws {
        let bench = try Bench([.vg, .fin])
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try bench.addMessage("m1", of: "c1")
        try await run(bench, bench.remotes, at: Bench.start)
        try bench.addMessage("m2", of: "c1")
        try await run(bench, remotes(without: "fin", absence, of: bench), at: Bench.start)
        try bench.addMessage("m3", of: "c1")
        try await run(bench, remotes(without: "fin", absence, of: bench), at: Bench.start)
        #expect(try bench.lines("SELECT message_id, remote FROM message_feed ORDER BY sequence") == ["m2|fin", "m3|fin"])
        #expect(try await bench.store.feedIsEmpty())
        try await run(bench, bench.remotes, at: Bench.start)
        try await bench.converge()
        #expect(try bench.lines("SELECT message_id, state FROM outbox ORDER BY id") == ["m1|delivered", "m2|delivered", "m3|delivered"])
    }

    @Test func `another kind of remote under the same name starts without an agreed state`() async throws {
        let bench = try Bench([.vg, .helpdesk])
        try bench.addConversations("c1", "c2")
        try await run(bench, bench.remotes, at: Bench.start)
        try await bench.finish(try #require(try await bench.claim("vg", 1).first), DeliveryOutcome(.delivered, httpStatus: 200))
        let other = RemoteParticipation.voicebot.with { $0.name = "vg" }
        try await run(bench, [other, .helpdesk], at: Bench.start + .hours(1))
        #expect(
            try bench.lines("SELECT conversation_id, state, last_error FROM outbox WHERE remote = 'vg' ORDER BY id") == [
                "c1|delivered|-", "c2|discarded|the remote is of another kind now", "c1|pending|-", "c2|pending|-",
            ])
        #expect(try bench.lines("SELECT DISTINCT body FROM outbox WHERE remote = 'vg' AND state = 'pending'").count == 1)
    }

    @Test func `messages for a name that becomes another kind are not sent to it`() async throws {
        let bench = try Bench([.fin])
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try bench.addMessage("m1", of: "c1")
        try await run(bench, [.fin], at: Bench.start)
        let other = RemoteParticipation.voicebot.with { $0.name = "fin" }
        try await run(bench, [other], at: Bench.start)
        #expect(try await bench.claim("fin").isEmpty)
        try await run(bench, [.fin], at: Bench.start)
        #expect(try await bench.claim("fin").map(\.conversationID) == ["c1"])
    }

    // MARK: Two configurations at once

    @Test func `what another process planned under another configuration is planned again after a reload, and not before`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await run(bench, [.vg], at: Bench.start)
        try await bench.converge()
        // `sync` with an edited file, while a daemon runs.
        let edited = RemoteParticipation.vg.with { $0.fingerprint = "g2" }
        try await run(bench, [edited], at: Bench.start)
        // The daemon continues with the old one.
        try bench.write("UPDATE conversations SET title = 'x'")
        let batch = try await bench.planPage()
        #expect(batch.foreignRemotes == ["vg"])
        try bench.write("UPDATE conversations SET title = 'y'")
        let next = try await bench.planPage()
        #expect(next.foreignRemotes == [], "said once")
        #expect(try await bench.store.feedReplan([.vg], now: Bench.start) == 0, "the daemon does not plan everything again by itself")
        // `plan` with the edited file covers everything, and so does the engine that starts with it.
        try bench.write("DELETE FROM outbox; DELETE FROM link_state")
        let seen = Collected()
        try await bench.store.preview(bench.context(remotes: [edited])) { seen.add($0.map(\.conversationID)) }
        #expect(seen.all == ["c1"])
        #expect(try await bench.store.reconcileRemotes([edited], now: Bench.start) == ["vg"])
        #expect(try await bench.store.feedReplan([edited], now: Bench.start) == 1)
        try await bench.plan(remotes: [edited])
        #expect(try await bench.store.reconcileRemotes([edited], now: Bench.start) == [])
    }
}
