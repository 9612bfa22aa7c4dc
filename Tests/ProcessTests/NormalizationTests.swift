import Sandbox
import Testing

/// Texts that are equal as Swift strings and differ in bytes: for the database and the remotes they are different.
@Suite(.serialized) struct NormalizationTests {
    private let composed = "Caf\u{E9}"
    private let decomposed = "Cafe\u{301}"

    @Test func `a change of the normalization is sent once`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write(
                "UPDATE conversations SET title = ?1, tags = json_array(?1), attributes = json_object(?1, 1, 'v', ?1)", [composed])
            try await scenario.write("UPDATE users SET name = ?1, attributes = json_object('v', ?1)", [composed])
            try await scenario.sync()
            scenario.world.clearRequests()
            try await scenario.write(
                "UPDATE conversations SET title = ?1, tags = json_array(?1), attributes = json_object(?1, 1, 'v', ?1)", [decomposed])
            try await scenario.write("UPDATE users SET name = ?1, attributes = json_object('v', ?1)", [decomposed])
            try await scenario.sync()
            let helpdesk = try #require(scenario.world.requests(instance: "helpdesk").first?.bodyText)
            #expect(helpdesk.utf8.split(separator: UInt8(ascii: "C")).count == 7, "six texts: \(helpdesk)")
            #expect(!helpdesk.unicodeScalars.contains("\u{E9}"))
            #expect(scenario.written("vg").first?.object.map { Set($0.keys) } == ["title", "tags", "userName"])
            try await scenario.sync()
            #expect(scenario.writeCount() == 2)
        }
    }

    @Test func `a waiting row is replaced by one with another normalization`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            var fault = FaultRule(.status, times: 1)
            fault.status = 500
            try scenario.world.setFaults([fault], on: "vg")
            try await scenario.setTitle(composed, of: "c1")
            try await scenario.sync(expecting: 75)
            try await scenario.setTitle(decomposed, of: "c1")
            try await scenario.sync("--drain", "60")
            let title = scenario.world.state(of: "vg", conversation: "v1")?["title"]?.string
            #expect(title.map { Array($0.unicodeScalars) } == Array(decomposed.unicodeScalars))
        }
    }

    @Test func `two conversations whose ids differ only in normalization are different conversations`() async throws {
        try await withScenario { scenario in
            for (id, number) in [(composed, 1), (decomposed, 2)] {
                try await scenario.write("INSERT INTO conversations (id, title) VALUES (?, ?)", [id, "number \(number)"])
                try await scenario.write(
                    "INSERT INTO links (conversation_id, remote, remote_id) VALUES (?1, 'voicebot', ?2), (?1, 'vg', ?3)",
                    [id, "\(number)", "v\(number)"])
            }
            try await scenario.sync()
            #expect(scenario.writeCount("helpdesk") == 2)
            #expect(scenario.world.state(of: "voicebot", conversation: "1") != nil)
            #expect(scenario.world.state(of: "voicebot", conversation: "2") != nil)
            try await scenario.write("UPDATE conversations SET title = title || ' again'")
            try await scenario.sync()
            #expect(
                scenario.written("vg").compactMap { $0["title"]?.string }.sorted() == [
                    "number 1", "number 1 again", "number 2", "number 2 again",
                ])
            // A link that moves from one object to the other is sent completely.
            scenario.world.clearRequests()
            try await scenario.write("UPDATE links SET remote_id = ? WHERE remote = 'vg' AND remote_id = 'v1'", [composed])
            try await scenario.sync()
            try await scenario.write("UPDATE links SET remote_id = ? WHERE remote = 'vg' AND remote_id = ?", [decomposed, composed])
            try await scenario.sync()
            #expect(scenario.writeCount("vg") == 2)
        }
    }
}
