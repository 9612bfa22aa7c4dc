import Sandbox
import Testing

/// Messages to Fin: they arrive once, in order, with timestamps by which Fin recognises repetitions.
@Suite(.serialized) struct FinTests {
    @Test func `after a dropped connection the same timestamp is sent again, and the message is stored once`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([FaultRule(.dropAfter, times: 2)], on: "fin")
            try await scenario.addMessage("m1", to: "c1", createdAt: "2026-01-31T09:30:00.120Z")
            try await scenario.sync("--drain", "60")
            let requests = scenario.world.requests(instance: "fin")
            #expect(requests.map(\.outcome) == [.applied, .deduplicated, .deduplicated])
            #expect(Set(requests.map(\.bodyText)).count == 1)
            #expect(requests.first?.bodyJSON?["message"]?["timestamp"] == "2026-01-31T09:30:00.120Z")
            #expect(requests.first?.intercomVersion == "2.14")
            #expect(scenario.world.state(of: "fin", conversation: "c1")?["message_count"] == 1)
        }
    }

    @Test func `two messages with one created_at both arrive`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            for number in 1...3 {
                try await scenario.addMessage("m\(number)", to: "c1", body: "message \(number)", createdAt: "2026-01-31T09:30:00.999Z")
            }
            try await scenario.sync("--drain", "60")
            let messages = scenario.world.state(of: "fin", conversation: "c1")?["messages"]?.array ?? []
            #expect(messages.map { $0["body"]?.string } == ["message 1", "message 2", "message 3"])
            #expect(Set(messages.map { $0["timestamp"]?.string }).count == 3)
            #expect(scenario.world.requests(instance: "fin").allSatisfy { $0.outcome == .applied })
        }
    }

    @Test func `messages of a conversation arrive in the order in which they were written, whatever fails`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([FaultRule(.status, times: 3), FaultRule(.dropAfter, times: 3)], on: "fin")
            for number in 1...6 {
                for conversation in 1...3 {
                    try await scenario.addMessage("m\(conversation)-\(number)", to: "c\(conversation)", body: "\(number)")
                }
            }
            try await scenario.sync("--drain", "60")
            for conversation in 1...3 {
                let messages = scenario.world.state(of: "fin", conversation: "c\(conversation)")?["messages"]?.array ?? []
                #expect(messages.map { $0["body"]?.string } == (1...6).map { "\($0)" })
            }
        }
    }

    @Test func `only messages by users are sent, and writing one again does not send it again`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('a', 'c1', 'agent', 'from us')")
            try await scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('f', 'c1', 'fin', 'from Fin')")
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            try await scenario.write(
                """
                INSERT OR REPLACE INTO messages (id, conversation_id, author, body, created_at)
                SELECT id, conversation_id, author, body, created_at FROM messages
                """)
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "fin").count == 1)
        }
    }

    @Test func `an error inside a 200 is a partial success, which is recorded and not repeated`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE users SET attributes = '{\"plan\": \"pro\"}' WHERE id = 'u1'")
            try scenario.world.setOptions(on: "fin") { $0.unknownAttributes = ["plan"] }
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "fin").count == 1)
            let noted = try await scenario.texts(
                "SELECT a.error FROM outbox_attempts a JOIN outbox o ON o.id = a.outbox_id WHERE o.remote = 'fin' AND o.state = 'delivered'"
            )
            #expect(noted.count == 1)
            #expect(noted.first?.contains("plan") == true)
        }
    }
}
