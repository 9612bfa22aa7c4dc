import Foundation
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// What the store keeps of what grows by itself, and how much one transaction does.
@Suite struct StoreBoundTests {
    private static func numbers(to last: Int) -> String {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(last))"
    }

    // MARK: Rows that are kept

    @Test func `of the runs the newest 10,000 are kept`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            \(Self.numbers(to: 10_005))
            INSERT INTO runs (cause, process_id, started_at) SELECT 'change', 1, '2026-03-01T11:00:00.000Z' FROM n
            """)
        try scenario.addConversations("c1")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT count(*), max(id) FROM runs") == ["10000|10006"])
    }

    @Test func `of the processes that have used the database the newest thousand are kept`() async throws {
        let scenario = try StoreScenario()
        try scenario.write(
            """
            \(Self.numbers(to: 1500))
            INSERT INTO processes (boot_id, pid_namespace, pid, started_ticks, started_at)
            SELECT 'boot', 'namespace', i, i, '2026-03-01T11:00:00.000Z' FROM n
            """)
        let process = ProcessIdentity(bootID: "boot", pidNamespace: "namespace", pid: 1, startedTicks: 9999)
        let id = try await scenario.store.register(process, now: StoreScenario.start)
        #expect(try scenario.lines("SELECT min(id) FROM processes") == ["\(id - 1000)"])
    }

    @Test func `of the runs of taken timestamps at most 10,000 are remembered`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write(
            """
            \(Self.numbers(to: 10_050))
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state, due_at,
                created_at, updated_at, finished_at, dedupe_key)
            SELECT 'c1', 'fin', 'message', 'reply', 'POST', '/', '{}', 'c1', i, 'delivered', '2026', '2026', '2099', '2099', i * 10 FROM n
            """)
        let runs = TimestampRegister.Runs()
        try await scenario.store.read { session in
            var register = TimestampRegister(remote: "fin", now: StoreScenario.start, runs: runs)
            for index in 1...10_050 as ClosedRange<Int64> {
                let run = try register.run(from: index * 10, in: "c1", session)
                #expect(run == index * 10...index * 10)
                if runs.count > 10_000 { return _ = Issue.record("\(runs.count)") }
            }
        }
        #expect(runs.count == 50, "they were cleared once")
    }

    // MARK: Transactions

    @Test func `planning ends when its time is over, after one conversation at least`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2", "c3")
        for left in [2, 1, 0] {
            var page = scenario.page()
            page.timeLimit = .zero
            let exchange = scenario.exchange { [page] in $0.plan = page }
            let planned = try #require(try await scenario.store.exchange(exchange, for: scenario.parties()).plan)
            #expect(planned.batch.planned == 1 && planned.hasMore == (left > 0))
            #expect(try scenario.lines("SELECT count(DISTINCT conversation_id) FROM change_feed") == ["\(left)"])
        }
    }

    @Test func `events are processed 200 at a time`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        let notices = (1...450).map { number in
            Notice.status(
                conversationID: "c1", word: number % 2 == 0 ? "open" : "closed", at: StoreScenario.start + .seconds(Int64(number)),
                key: "\(number)")
        }
        _ = try await scenario.store.receive(notices, from: "fin", now: StoreScenario.start)
        let context = scenario.inbound(now: StoreScenario.start + .hours(1))
        for left in [250, 50, 0] {
            let hasMore = try await scenario.store.write { session in try Store.processInbox(context, session).hasMore }
            #expect(try scenario.lines("SELECT count(*) FROM inbox WHERE state = 'pending'") == ["\(left)"])
            #expect(hasMore == (left > 0))
        }
    }

    @Test func `the list is read for the configured agent and a hundred others`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            \(Self.numbers(to: 150)) INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'vg', id, 'agent of ' || id FROM conversations
            """)
        let agents = try await scenario.store.read { session in try Store.agents(of: .vg, session) }
        #expect(agents.count == 101 && agents.first == RemoteParticipation.vg.defaultAgent)
    }

    // MARK: Files and statements

    @Test func `a step gives back 200 free pages, and a thousand stay`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            CREATE TABLE filler (text TEXT);
            \(Self.numbers(to: 1500)) INSERT INTO filler SELECT hex(randomblob(2000)) FROM n;
            DELETE FROM filler;
            """)
        var retention = Retention(.init())
        var free = try await scenario.store.size().freePages
        try #require(free > 1300)
        var hasMore = true
        while hasMore {
            let exchange = scenario.exchange { [retention] in $0.retention = retention }
            let result = try await scenario.store.exchange(exchange, for: scenario.parties())
            retention = try #require(result.retention)
            hasMore = result.hasMoreRetention
            let left = try await scenario.store.size().freePages
            #expect(free - left <= 200)
            free = left
        }
        #expect((990...1010).contains(free), "\(free)")
    }

    @Test func `a log that grew during a long read is truncated to 16 MiB when it begins again`() async throws {
        let scenario = try StoreScenario([.vg])
        func size() throws -> Int {
            try #require(try FileManager.default.attributesOfItem(atPath: "\(scenario.path)-wal")[.size] as? Int)
        }
        let reader = try SQLiteSession(path: scenario.path, access: .readOnly, busyTimeout: .zero)
        try reader.run("BEGIN")
        _ = try reader.value("SELECT count(*) FROM conversations", as: Int.self)
        try await scenario.store.write { session in
            try session.run("CREATE TABLE filler (content BLOB)")
            for _ in 0..<24 { try session.run("INSERT INTO filler VALUES (randomblob(1048576))") }
        }
        #expect(try size() > 24 << 20)
        try reader.run("COMMIT")
        try await scenario.store.checkpoint()
        try await scenario.store.touch()
        #expect(try size() == 16 << 20)
    }

    @Test func `at most 400 prepared statements are kept`() throws {
        let session = try SQLiteSession(path: ":memory:", access: .creating, busyTimeout: .zero)
        var most = 0
        for number in 0..<1000 {
            try session.run(SQL(stringLiteral: "SELECT \(number)"))
            most = max(most, session.statements.count)
        }
        #expect(most == 400)
    }
}
