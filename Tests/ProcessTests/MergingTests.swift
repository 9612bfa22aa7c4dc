import Sandbox
import Testing

/// An application merges conversations, or deletes links, while calls wait.
@Suite(.serialized) struct MergingTests {
    private static let merge = [
        "UPDATE messages SET conversation_id = 'c2' WHERE conversation_id = 'c1'", "DELETE FROM conversations WHERE id = 'c1'",
    ]

    @Test(arguments: [true, false])
    func `a user's messages arrive in the conversation that they were moved to`(_ planned: Bool) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            // Certainly not applied: a moved message in doubt would become uncertain.
            var rule = FaultRule(.status)
            rule.status = 503
            rule.retryAfterSeconds = 3
            try scenario.world.setFaults([rule], on: "fin")
            for number in 1...3 { try await scenario.addMessage("m\(number)", to: "c1", body: "\(number)") }
            if planned { try await scenario.sync(expecting: 75) }
            for sql in Self.merge { try await scenario.write(sql) }
            try scenario.world.setFaults([], on: "fin")
            try await scenario.sync("--drain", "60")
            let messages = scenario.world.state(of: "fin", conversation: "c2")?["messages"]?.array ?? []
            #expect(messages.map { $0["body"]?.string } == ["1", "2", "3"])
            #expect(try await scenario.number("SELECT count(*) FROM messages") == 3)
        }
    }

    @Test func `what waits for remotes that need no link is sent after links that name them were deleted`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write("INSERT INTO links VALUES ('c1', 'fin', 'c1', NULL), ('c1', 'helpdesk', 'c1', NULL)")
            try await scenario.sync()
            for remote in ["fin", "helpdesk"] { #expect(try await scenario.run("pause", remote).exitCode == 0) }
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.setTitle("later", of: "c1")
            try await scenario.sync(expecting: 75)
            try await scenario.write("DELETE FROM links WHERE remote IN ('fin', 'helpdesk')")
            for remote in ["fin", "helpdesk"] { #expect(try await scenario.run("resume", remote).exitCode == 0) }
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a retry for a gone link sends the newest state`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            var rule = FaultRule(.status, times: 1)
            rule.status = 404
            try scenario.world.setFaults([rule], on: "vg")
            try await scenario.sync(expecting: 65)
            try await scenario.setTitle("newest", of: "c1")
            try await scenario.sync()
            let id = try #require(try await scenario.text("SELECT CAST(id AS TEXT) FROM outbox WHERE remote = 'vg' AND state = 'dead'"))
            #expect(try await scenario.run("outbox", "retry", id).exitCode == 0)
            try await scenario.sync()
            #expect(scenario.written("vg").last?["title"] == "newest")
            #expect(scenario.written("vg").count == 2)
            #expect(try await scenario.differences() == [])
        }
    }
}
