import SyncCore
import Testing

@testable import SyncStore

/// A remote that was out of service for any reason is sent what changed meanwhile, and no older state.
@Suite struct ReturningRemoteTests {
    enum Absence: CaseIterable, Sendable { case disabled, removed }

    private func remotes(without name: String, _ absence: Absence, of scenario: StoreScenario) -> [RemoteParticipation] {
        absence == .removed
            ? scenario.remotes.filter { $0.name != name } : scenario.remotes.map { $0.name == name ? $0.disabled : $0 }
    }

    /// The start of an engine, and a run of it.
    private func run(_ scenario: StoreScenario, _ remotes: [RemoteParticipation], at now: Instant) async throws {
        _ = try await scenario.store.reconcileRemotes(remotes, now: now)
        _ = try await scenario.store.dropStrayFeed(remotes)
        while try await scenario.store.feedReplan(remotes, now: now) > 0 {}
        try await scenario.plan(now: now, remotes: remotes)
    }

    @Test(arguments: Absence.allCases, ["vg", "helpdesk"])
    func `a returning remote is sent what changed, and no retry of an older state`(_ absence: Absence, _ name: String) async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2", "c3", "c4")
        try await run(scenario, scenario.remotes, at: StoreScenario.start)
        // c1 was delivered; c2, c3 and c4 wait for a retry.
        for claimed in try await scenario.claim(name) {
            let outcome =
                claimed.conversationID == "c1"
                ? DeliveryOutcome(.delivered, httpStatus: 200) : DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503")
            try await scenario.finish(claimed, outcome)
        }
        let meanwhile = StoreScenario.start + .hours(1)
        try await run(scenario, remotes(without: name, absence, of: scenario), at: meanwhile)
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id <> 'c3'; DELETE FROM conversations WHERE id = 'c4'")
        try await run(scenario, remotes(without: name, absence, of: scenario), at: meanwhile)
        #expect(try scenario.lines("SELECT fingerprint FROM remotes WHERE name = '\(name)'") == ["-"])
        let back = StoreScenario.start + .hours(2)
        #expect(try await scenario.store.reconcileRemotes(scenario.remotes, now: back) == [name])
        #expect(try await scenario.claim(name, now: back).isEmpty, "old state before everything is on the feed")
        #expect(try await scenario.store.feedReplan(scenario.remotes, pageSize: 1, now: back) == 1)
        #expect(try await scenario.claim(name, now: back).isEmpty)
        while try await scenario.store.feedReplan(scenario.remotes, pageSize: 1, now: back) > 0 {}
        #expect(try await scenario.claim(name, now: back).isEmpty, "old state before its conversation was planned")
        try await scenario.plan(now: back)
        let sent = try await scenario.claim(name, now: back).sorted { $0.conversationID < $1.conversationID }
        #expect(sent.map(\.conversationID) == ["c1", "c2", "c3"])
        #expect(
            sent.map(\.body) == [
                "{\"status\":\"closed\"}", "{\"status\":\"closed\",\"title\":null}", "{\"status\":\"open\",\"title\":null}",
            ])
    }

    @Test(arguments: Absence.allCases)
    func `messages wait for a returning Fin, in their order`(_ absence: Absence) async throws {
        let scenario = try StoreScenario([.vg, .fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await run(scenario, scenario.remotes, at: StoreScenario.start)
        try scenario.addMessage("m2", of: "c1")
        try await run(scenario, remotes(without: "fin", absence, of: scenario), at: StoreScenario.start)
        try scenario.addMessage("m3", of: "c1")
        try await run(scenario, remotes(without: "fin", absence, of: scenario), at: StoreScenario.start)
        #expect(try scenario.lines("SELECT message_id, remote FROM message_feed ORDER BY sequence") == ["m2|fin", "m3|fin"])
        #expect(try await scenario.store.feedIsEmpty())
        try await run(scenario, scenario.remotes, at: StoreScenario.start)
        try await scenario.converge()
        #expect(try scenario.lines("SELECT message_id, state FROM outbox ORDER BY id") == ["m1|delivered", "m2|delivered", "m3|delivered"])
    }

    @Test(arguments: Absence.allCases)
    func `a message that is kept for an absent Fin is no change that waits at the others`(_ absence: Absence) async throws {
        let scenario = try StoreScenario([.vg, .fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        try scenario.addConversations("c1")
        try scenario.write("UPDATE conversations SET user_id = 'u1'")
        try await run(scenario, scenario.remotes, at: StoreScenario.start)
        func waiting(at remotes: [RemoteParticipation]) async throws -> [Bool] {
            let stored = try await scenario.store.storedConversation("c1", remotes: remotes, history: 5, now: StoreScenario.start)
            return try #require(stored).remotes.map(\.isWaitingForPlan)
        }
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("DELETE FROM change_feed")
        #expect(try await waiting(at: [.vg, .fin]) == [false, true], "a message is no change of the state")
        try await run(scenario, remotes(without: "fin", absence, of: scenario), at: StoreScenario.start)
        #expect(try scenario.lines("SELECT message_id, remote FROM message_feed") == ["m1|fin"])
        #expect(try await waiting(at: [.vg, .fin]) == [false, true])
        let stored = try await scenario.store.storedConversation("c1", remotes: [.vg], history: 5, now: StoreScenario.start)
        #expect(stored?.isWaitingForPlan == false)
        try scenario.write("UPDATE conversations SET title = 'x'")
        #expect(try await waiting(at: [.vg, .fin]) == [true, true])
    }

    @Test func `another kind of remote under the same name starts without an agreed state`() async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        try scenario.addConversations("c1", "c2")
        try await run(scenario, scenario.remotes, at: StoreScenario.start)
        try await scenario.finish(try #require(try await scenario.claim("vg", 1).first), DeliveryOutcome(.delivered, httpStatus: 200))
        let other = RemoteParticipation.voicebot.with { $0.name = "vg" }
        try await run(scenario, [other, .helpdesk], at: StoreScenario.start + .hours(1))
        #expect(
            try scenario.lines("SELECT conversation_id, state, last_error FROM outbox WHERE remote = 'vg' ORDER BY id") == [
                "c1|delivered|-", "c2|discarded|the remote is of another kind now", "c1|pending|-", "c2|pending|-",
            ])
        #expect(try scenario.lines("SELECT DISTINCT body FROM outbox WHERE remote = 'vg' AND state = 'pending'").count == 1)
    }

    @Test func `messages for a name that becomes another kind are not sent to it`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await run(scenario, [.fin], at: StoreScenario.start)
        let other = RemoteParticipation.voicebot.with { $0.name = "fin" }
        try await run(scenario, [other], at: StoreScenario.start)
        #expect(try await scenario.claim("fin").isEmpty)
        try await run(scenario, [.fin], at: StoreScenario.start)
        #expect(try await scenario.claim("fin").map(\.conversationID) == ["c1"])
    }

    @Test func `messages that were being planned again when the name became another kind keep their order`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        for id in ["m1", "m2", "m3"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await run(scenario, [.fin], at: StoreScenario.start)
        try scenario.write("UPDATE users SET name = 'Jane'")
        // A page that has no time left after one message.
        var page = scenario.page()
        page.timeLimit = .seconds(-1)
        let exchange = scenario.exchange { [page] in $0.plan = page }
        _ = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(try scenario.lines("SELECT message_id FROM outbox WHERE state = 'pending'") == ["m1"])
        try await run(scenario, [RemoteParticipation.voicebot.with { $0.name = "fin" }], at: StoreScenario.start)
        #expect(try scenario.lines("SELECT message_id FROM message_feed ORDER BY sequence") == ["m1", "m2", "m3"])
        try await run(scenario, [.fin], at: StoreScenario.start)
        #expect(
            try scenario.lines("SELECT message_id, place FROM outbox WHERE state = 'pending' ORDER BY coalesce(place, id)")
                == ["m1|1", "m2|2", "m3|3"])
    }

    // MARK: Two configurations at once

    @Test func `what another process planned under another configuration is planned again after a reload, and not before`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await run(scenario, [.vg], at: StoreScenario.start)
        try await scenario.converge()
        // `sync` with an edited file, while a daemon runs.
        let edited = RemoteParticipation.vg.with { $0.fingerprint = "g2" }
        try await run(scenario, [edited], at: StoreScenario.start)
        // The daemon continues with the old one.
        try scenario.write("UPDATE conversations SET title = 'x'")
        let batch = try await scenario.planPage()
        #expect(batch.foreignRemotes == ["vg"])
        try scenario.write("UPDATE conversations SET title = 'y'")
        let next = try await scenario.planPage()
        #expect(next.foreignRemotes == [], "said once")
        #expect(
            try await scenario.store.feedReplan([.vg], now: StoreScenario.start) == 0, "the daemon does not plan everything again by itself"
        )
        // `plan` with the edited file covers everything, and so does the engine that starts with it.
        try scenario.write("DELETE FROM outbox; DELETE FROM link_state")
        let seen = Collected()
        try await scenario.store.preview(scenario.context(remotes: [edited])) { seen.add($0.map(\.conversationID)) }
        #expect(seen.all == ["c1"])
        #expect(try await scenario.store.reconcileRemotes([edited], now: StoreScenario.start) == ["vg"])
        #expect(try await scenario.store.feedReplan([edited], now: StoreScenario.start) == 1)
        try await scenario.plan(remotes: [edited])
        #expect(try await scenario.store.reconcileRemotes([edited], now: StoreScenario.start) == [])
    }

    @Test func `what a process without a remote took off the feed is planned for it when a process with it starts`() async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        try scenario.addConversations("c1")
        try await run(scenario, [.vg, .helpdesk], at: StoreScenario.start)
        try await scenario.converge()
        // The daemon has read a file without the helpdesk; `sync` runs with it.
        _ = try await scenario.store.reconcileRemotes([.vg], now: StoreScenario.start)
        try await run(scenario, [.vg, .helpdesk], at: StoreScenario.start)
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.plan(remotes: [.vg])
        #expect(try scenario.outbox("state = 'pending'").map { $0.contains("helpdesk") } == [false])
        // The daemon reads a file with the helpdesk again.
        #expect(try await scenario.store.reconcileRemotes([.vg, .helpdesk], now: StoreScenario.start) == ["helpdesk"])
        try await scenario.plan(remotes: [.vg, .helpdesk])
        #expect(try scenario.outbox("state = 'pending' AND remote = 'helpdesk'").count == 1)
    }

    @Test func `entries that a process without their remote drops are planned when a process with it starts`() async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        try scenario.addConversations("c1")
        try await run(scenario, [.vg, .helpdesk], at: StoreScenario.start)
        try await scenario.converge()
        try scenario.write("INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES ('c1', 'helpdesk', 'x')")
        let first = scenario.exchange { $0.plan = scenario.page(.off, isFirst: true) }
        #expect(try await scenario.store.exchange(first, for: scenario.parties([.vg])).plan?.strayRemotes == ["helpdesk"])
        #expect(try scenario.lines("SELECT remote FROM change_feed") == [])
        #expect(try await scenario.store.reconcileRemotes([.vg, .helpdesk], now: StoreScenario.start) == ["helpdesk"])
    }
}
