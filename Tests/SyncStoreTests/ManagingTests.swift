import SyncCore
import Testing

@testable import SyncStore

/// What an operator does with rows: retry, discard, release.
@Suite struct ManagingTests {
    private let later = StoreScenario.start + .hours(1)

    /// c1 … c4 with one row each for vg (ids 1 … 4) in the given states.
    private func scenario(_ states: String...) async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        for index in states.indices { try scenario.addConversations("c\(index + 1)") }
        try await scenario.plan()
        for (index, state) in states.enumerated() {
            try scenario.write(
                "UPDATE outbox SET state = ?, attempts = 5, last_error = 'HTTP 422', finished_at = due_at WHERE id = ?", [state, index + 1])
        }
        return scenario
    }

    private func message() async throws -> StoreScenario {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        return scenario
    }

    private func filter(_ ids: Int64...) -> OutboxFilter {
        var filter = OutboxFilter()
        filter.ids = ids
        return filter
    }

    @Test func `a retried dead row gets all of its attempts again`() async throws {
        let scenario = try await scenario("dead")
        let result = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(result.affected == [1])
        #expect(
            try scenario.lines("SELECT state, attempts, due_at, replayed_at, finished_at, in_doubt_since FROM outbox")
                == ["pending|0|\(later.iso8601)|\(later.iso8601)|-|-"])
        let claimed = try await scenario.claimOne("vg", now: later)
        #expect(claimed.row.countedSince == nil, "age counts from the replay")
        #expect(claimed.idempotencyKey == StoreScenario.firstKey)
    }

    @Test(arguments: [
        (OutboxAction.retry, ["dead", "pending"], ["sending", "delivered"]),
        (.discard, ["pending", "held", "dead", "uncertain"], ["sending", "delivered", "superseded", "discarded"]),
        (.release, ["held"], ["pending", "dead"]),
    ])
    func `an action skips rows that it does not apply to and says why`(_ action: OutboxAction, _ apply: [String], _ skip: [String])
        async throws
    {
        for state in apply {
            let scenario = try await scenario(state)
            #expect(try await scenario.store.manage(action, filter(1), now: later).affected == [1], "\(state)")
        }
        for state in skip {
            let scenario = try await scenario(state)
            let before = try scenario.lines("SELECT * FROM outbox")
            let result = try await scenario.store.manage(action, filter(1), now: later)
            #expect(
                result
                    == ManagingResult(
                        steps: [],
                        skipped: [
                            .init(id: 1, obstacle: .state(try #require(OutboxState(rawValue: state)), holder: nil, supersededBy: nil))
                        ]))
            #expect(result.skipped.first?.reason == "is \(state)")
            #expect(try scenario.lines("SELECT * FROM outbox") == before)
        }
    }

    @Test func `discarding and releasing write only the row`() async throws {
        let scenario = try await scenario("held", "held", "dead")
        #expect(try await scenario.store.manage(.release, filter(1), now: later).affected == [1])
        #expect(try await scenario.store.manage(.discard, filter(3), now: later).affected == [3])
        #expect(
            try scenario.lines("SELECT id, state, last_error, attempts FROM outbox ORDER BY id")
                == ["1|pending|-|5", "2|held|HTTP 422|5", "3|discarded|discarded by hand|5"])
    }

    @Test(arguments: [OutboxAction.retry, .discard, .release])
    func `a dry run returns the same result and writes nothing`(_ action: OutboxAction) async throws {
        let scenario = try await scenario("dead", "held", "pending", "delivered")
        try scenario.write("UPDATE outbox SET last_error = 'not sendable: x' WHERE id = 1")
        let tables = ["outbox", "change_feed", "link_state", "message_feed", "planned_messages"]
        let before = try tables.map { try scenario.lines("SELECT * FROM \($0)") }
        let dry = try await scenario.store.manage(action, filter(1, 2, 3, 4), dryRun: true, now: later)
        #expect(try tables.map { try scenario.lines("SELECT * FROM \($0)") } == before)
        #expect(try await scenario.store.manage(action, filter(1, 2, 3, 4), now: later) == dry)
        #expect(!dry.affected.isEmpty)
        #expect(try tables.map { try scenario.lines("SELECT * FROM \($0)") } != before)
    }

    @Test func `a filter without ids selects the rows to which the action applies`() async throws {
        let scenario = try await scenario("dead", "delivered", "dead", "sending")
        var filter = OutboxFilter()
        filter.remote = "vg"
        let result = try await scenario.store.manage(.retry, filter, now: later)
        #expect(result.affected == [1, 3])
        #expect(result.skipped.isEmpty)
    }

    @Test func `a refused row is planned again from the present tables`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try scenario.write("UPDATE links SET remote_id = 'refused'; DELETE FROM outbox")
        try await scenario.plan()
        try scenario.write("UPDATE links SET remote_id = 'good'; DELETE FROM change_feed")
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).affected == [1])
        #expect(try scenario.feed() == ["c1|vg|0"])
        try await scenario.plan()
        #expect(try scenario.lines("SELECT id, state, path FROM outbox ORDER BY id") == ["1|discarded|/", "2|pending|/vg/agent9/good"])
    }

    @Test func `a refused message is planned again`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1'")
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).affected == [1])
        try await scenario.plan()
        #expect(try scenario.lines("SELECT id, state, message_id FROM outbox ORDER BY id") == ["1|discarded|m1", "2|pending|m1"])
    }

    @Test(arguments: ["delivered", "sending", "dead"])
    func `a state that a newer row has replaced is planned again instead of sent`(_ newer: String) async throws {
        let scenario = try await scenario("discarded")
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = ? WHERE id = 2", [newer])
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).affected == [1])
        #expect(try scenario.lines("SELECT state, last_error FROM outbox WHERE id = 1") == ["discarded|planned again by hand"])
        #expect(try scenario.feed() == ["c1|vg|0"])
    }

    @Test func `a retry of a row that was discarded as not needed does not send its old content`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.converge()
        for status in ["closed", "open"] {
            try scenario.write("UPDATE conversations SET status = ?", [status])
            try await scenario.plan()
        }
        #expect(try scenario.outbox() == ["1|c1|vg|delivered", "2|c1|vg|discarded"])
        _ = try await scenario.store.manage(.retry, filter(2), now: later)
        try await scenario.plan(now: later)
        let claimed = try await scenario.claim("vg", now: later)
        #expect(claimed.isEmpty)
    }

    @Test(arguments: ["DELETE FROM links", "DELETE FROM conversations"])
    func `a row whose link was deleted cannot be sent by a retry`(_ sql: String) async throws {
        let scenario = try await scenario("pending")
        try scenario.write(sql)
        _ = try await scenario.store.manage(.retry, filter(1), now: later)
        try await scenario.plan(now: later)
        let claimed = try await scenario.claim("vg", now: later)
        #expect(claimed.isEmpty)
    }

    @Test func `a retry of a gone object removes the tombstone and sends the newest state`() async throws {
        let scenario = try await scenario("pending")
        try await scenario.finish(try await scenario.claimOne("vg"), DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404"))
        try scenario.write("UPDATE conversations SET status = 'ended'")
        try await scenario.plan(now: later)
        #expect(try scenario.outbox("state = 'pending'").isEmpty, "nothing is planned for a link that is gone")
        let result = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(result.steps.map(\.effect) == [.planAgain])
        #expect(try scenario.lines("SELECT gone_at FROM link_state") == ["-"])
        #expect(try await scenario.claim("vg", now: later).isEmpty, "the old state is not sent")
        try await scenario.plan(now: later)
        #expect(try await scenario.claim("vg", now: later).map(\.body) == ["{\"status\":\"ended\",\"title\":null}"])
    }

    @Test func `an uncertain message is sent again only if a duplicate is accepted`() async throws {
        let scenario = try await message()
        try scenario.write("UPDATE outbox SET state = 'uncertain', in_doubt_since = ?", [StoreScenario.start.iso8601])
        let refused = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(refused.affected.isEmpty)
        #expect(refused.skipped.first?.reason.contains("--accept-duplicate") == true)
        let accepted = try await scenario.store.manage(.retry, filter(1), acceptDuplicate: true, now: later)
        #expect(accepted.affected == [1])
        let claimed = try await scenario.claimOne("fin", now: later)
        #expect(claimed.row.mayBeSent(now: later, timeout: .seconds(10)))
    }

    @Test func `a discarded message is sent when it is retried`() async throws {
        let scenario = try await message()
        _ = try await scenario.store.manage(.discard, filter(1), now: later)
        #expect(try await scenario.claim("fin", now: later).isEmpty)
        _ = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(try await scenario.claim("fin", now: later).count == 1)
    }

    @Test func `a refused message that was discarded is planned again, and never sent without a body`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        _ = try await scenario.store.manage(.discard, filter(1), now: later)
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1'")
        _ = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(try await scenario.claim("fin", now: later).isEmpty)
        try await scenario.plan()
        #expect(try scenario.lines("SELECT id, state FROM outbox WHERE body <> '{}'") == ["2|pending"])
    }

    @Test func `a message that was deleted is not sent by a retry`() async throws {
        let scenario = try await message()
        try scenario.write("DELETE FROM messages")
        let result = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(result.affected.isEmpty && result.skipped.map(\.id) == [1])
        #expect(try await scenario.claim("fin", now: later).isEmpty)
    }

    @Test func `only the newest row of a message is sent by a retry`() async throws {
        let scenario = try await message()
        try scenario.write("UPDATE messages SET body = 'corrected'")
        try await scenario.plan()
        var ofConversation = OutboxFilter()
        ofConversation.conversation = "c1"
        #expect(try await scenario.store.manage(.discard, ofConversation, now: later).affected == [2])
        let former = try await scenario.store.manage(.retry, filter(1), now: later)
        #expect(former == ManagingResult(steps: [], skipped: [.init(id: 1, obstacle: .messagePlannedAnew)]))
        #expect(try await scenario.store.manage(.retry, ofConversation, now: later).affected == [2])
        try await scenario.plan(now: later)
        #expect(
            try scenario.lines("SELECT id, state, json_extract(body, '$.message.body') FROM outbox ORDER BY id")
                == ["1|discarded|text of m1", "2|pending|corrected"])
    }

    @Test func `a message that is not the user's any more is not sent by a retry`() async throws {
        let scenario = try await message()
        try scenario.write("UPDATE messages SET author = 'agent'")
        #expect(try scenario.outbox() == ["1|c1|fin|discarded"])
        let result = try await scenario.store.manage(.retry, filter(1), acceptDuplicate: true, now: later)
        #expect(result == ManagingResult(steps: [], skipped: [.init(id: 1, obstacle: .messageOfAnotherAuthor)]))
        try scenario.write("UPDATE outbox SET state = 'uncertain', in_doubt_since = ?", [StoreScenario.start.iso8601])
        #expect(try await scenario.store.manage(.retry, filter(1), acceptDuplicate: true, now: later).affected.isEmpty)
        #expect(try await scenario.claim("fin", now: later).isEmpty)
    }

    @Test(arguments: ["body = 'corrected'", #"attachments = '[{"type":"url","url":"https://example.com/a"}]'"#])
    func `a refused message that was corrected is planned again by a retry, and an unchanged one is sent as it was`(_ correction: String)
        async throws
    {
        let scenario = try await message()
        let refused = DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400")
        try await scenario.finish(try await scenario.claimOne("fin"), refused)
        let unchanged = try await scenario.store.manage(.retry, filter(1), dryRun: true, now: later)
        #expect(unchanged.steps.map(\.effect) == [.sendAgain])
        try scenario.write("UPDATE messages SET \(correction)")
        #expect(try scenario.outbox() == ["1|c1|fin|dead"])
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).steps.map(\.effect) == [.planAgain])
        try await scenario.plan(now: later)
        #expect(try scenario.outbox() == ["1|c1|fin|discarded", "2|c1|fin|pending"])
    }

    @Test(arguments: [
        "UPDATE users SET email = 'jane@example.com'", "UPDATE users SET name = 'Jane'",
        "INSERT INTO users (id) VALUES ('u2'); UPDATE conversations SET user_id = 'u2'",
    ])
    func `a refused message whose user was corrected is planned again by a retry`(_ correction: String) async throws {
        let scenario = try await message()
        let refused = DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400")
        try await scenario.finish(try await scenario.claimOne("fin"), refused)
        try scenario.write(correction)
        #expect(try scenario.outbox() == ["1|c1|fin|dead"])
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).steps.map(\.effect) == [.planAgain])
        try await scenario.plan(now: later)
        #expect(try scenario.outbox() == ["1|c1|fin|discarded", "2|c1|fin|pending"])
    }

    @Test func `attributes that a refused message does not carry are no correction`() async throws {
        let scenario = try await message()
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400"))
        try scenario.write(#"UPDATE users SET attributes = '{"plan": "pro"}'"#)
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).steps.map(\.effect) == [.sendAgain])
        #expect(try scenario.outbox() == ["1|c1|fin|pending"])
    }

    @Test(arguments: [false, true])
    func `a refused message that is planned again by a retry stays before the later ones`(_ isDiscarded: Bool) async throws {
        let scenario = try await message()
        for id in ["m2", "m3"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T10:59:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400"))
        if isDiscarded { _ = try await scenario.store.manage(.discard, filter(1), now: later) }
        try scenario.write("UPDATE messages SET body = 'corrected' WHERE id = 'm1'")
        try scenario.addMessage("m4", of: "c1", at: "2026-03-01T10:59:00.000Z")
        #expect(try await scenario.store.manage(.retry, filter(1), now: later).steps.map(\.effect) == [.planAgain])
        try await scenario.plan(now: later)
        #expect(
            try scenario.lines("SELECT message_id FROM outbox WHERE state = 'pending' ORDER BY id") == ["m1", "m2", "m3", "m4"])
    }

    @Test(arguments: ["m1", "m2"])
    func `messages that are retried together keep their order, whichever is planned again`(_ corrected: String) async throws {
        let scenario = try await message()
        for id in ["m2", "m3"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T10:59:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        for _ in 1...2 {
            try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400"))
        }
        try scenario.write("UPDATE messages SET body = 'corrected' WHERE id = ?", [corrected])
        var ofConversation = OutboxFilter()
        ofConversation.conversation = "c1"
        #expect(try await scenario.store.manage(.retry, ofConversation, now: later).affected == [1, 2, 3])
        try await scenario.plan(now: later)
        #expect(try scenario.lines("SELECT message_id FROM outbox WHERE state = 'pending' ORDER BY id") == ["m1", "m2", "m3"])
    }

    @Test(arguments: ["uncertain", "discarded"])
    func `a message in doubt is repeated with the same bytes, whatever became of its text`(_ state: String) async throws {
        let scenario = try await message()
        try scenario.write("UPDATE outbox SET state = ?, in_doubt_since = ?", [state, StoreScenario.start.iso8601])
        try scenario.write("UPDATE messages SET body = 'corrected'; UPDATE users SET name = 'Jane'")
        let result = try await scenario.store.manage(.retry, filter(1), acceptDuplicate: true, now: later)
        #expect(result.steps.map(\.effect) == [.sendAgain])
        #expect(
            try scenario.lines("SELECT id, state, json_extract(body, '$.message.body') FROM outbox") == ["1|pending|text of m1"])
    }

    @Test func `ids that do not exist or do not match the other filters are distinguished from rows in another state`() async throws {
        let scenario = try await scenario("dead", "delivered", "dead", "held")
        try scenario.write("UPDATE outbox SET held_by = 'brake' WHERE id = 4")
        var wanted = filter(1, 2, 3, 4, 77, 78)
        wanted.conversation = "c1"
        let narrowed = try await scenario.store.manage(.retry, wanted, now: later)
        #expect(narrowed.affected == [1])
        #expect(narrowed.skipped.map(\.obstacle) == [.leftOut, .leftOut, .leftOut, .missing, .missing])
        wanted.conversation = nil
        let result = try await scenario.store.manage(.retry, wanted, now: later)
        #expect(result.affected == [1, 3], "what can be done is done")
        #expect(
            result.skipped == [
                .init(id: 2, obstacle: .state(.delivered, holder: nil, supersededBy: nil)),
                .init(id: 4, obstacle: .state(.held, holder: .brake, supersededBy: nil)), .init(id: 77, obstacle: .missing),
                .init(id: 78, obstacle: .missing),
            ])
    }

    @Test func `rows beyond the limit are not reported as missing`() async throws {
        let scenario = try await scenario("dead", "dead", "dead")
        var wanted = filter(1, 2, 3)
        wanted.limit = 2
        let result = try await scenario.store.manage(.retry, wanted, now: later)
        #expect(result.affected == [1, 2])
        #expect(result.skipped == [.init(id: 3, obstacle: .leftOut)])
    }

    @Test func `a limit counts the rows that the action applies to`() async throws {
        let scenario = try await scenario("delivered", "sending", "dead", "delivered", "dead", "dead")
        var wanted = OutboxFilter()
        (wanted.remote, wanted.limit) = ("vg", 2)
        let dry = try await scenario.store.manage(.retry, wanted, dryRun: true, now: later)
        #expect(dry.affected == [3, 5])
        #expect(try await scenario.store.manage(.retry, wanted, now: later) == dry)
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = 6") == ["dead"])
    }

    @Test func `a limit does not count uncertain messages, which are left alone`() async throws {
        let scenario = try await message()
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'uncertain', in_doubt_since = created_at WHERE id = 1")
        try scenario.write("UPDATE outbox SET state = 'dead' WHERE id = 2")
        var wanted = OutboxFilter()
        (wanted.remote, wanted.limit) = ("fin", 1)
        let result = try await scenario.store.manage(.retry, wanted, now: later)
        #expect(result.affected == [2])
        #expect(result.leftUncertain == 1)
    }

    @Test func `uncertain rows are skipped individually if selected by id or state, and only counted otherwise`() async throws {
        let scenario = try await message()
        try scenario.write("UPDATE outbox SET state = 'uncertain', in_doubt_since = ?", [StoreScenario.start.iso8601])
        var byRemote = OutboxFilter()
        byRemote.remote = "fin"
        let silent = try await scenario.store.manage(.retry, byRemote, now: later)
        #expect(silent == ManagingResult(steps: [], skipped: [], leftUncertain: 1))
        var byState = OutboxFilter()
        byState.states = [.dead, .uncertain]
        let named = try await scenario.store.manage(.retry, byState, now: later)
        #expect(named == ManagingResult(steps: [], skipped: [.init(id: 1, obstacle: .mayHaveArrived(wasDiscarded: false))]))
        #expect(try await scenario.store.manage(.discard, byRemote, now: later).affected == [1])
    }

    @Test func `the age of a row counts from its first counted attempt, and again from a replay`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.store.enterRemotes(scenario.remotes)
        try await scenario.plan()
        try await scenario.finish(try await scenario.claimOne("vg"), DeliveryOutcome(.park, httpStatus: 401, error: "HTTP 401"))
        #expect(try scenario.lines("SELECT counted_since FROM outbox") == ["-"])
        let first = StoreScenario.start + .days(4)
        try await scenario.finish(
            try await scenario.claimOne("vg", now: first), DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"), now: first)
        #expect(try scenario.lines("SELECT state, counted_since FROM outbox") == ["pending|\(first.iso8601)"])
        let second = try await scenario.claimOne("vg", now: first + .hours(1))
        #expect(second.row.countedSince == first)
        try await scenario.finish(second, DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"), now: first + .hours(1))
        #expect(try scenario.lines("SELECT counted_since FROM outbox") == [first.iso8601])
        _ = try await scenario.store.manage(.retry, filter(1), now: first + .hours(2))
        #expect(try scenario.lines("SELECT attempts, counted_since FROM outbox") == ["0|-"])
    }
}
