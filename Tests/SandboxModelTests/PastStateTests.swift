import SandboxModel
import Testing

/// What a system shows that is not, or no longer, what was last requested: rules, reads that lag, backups, dates.
struct PastStateTests {
    private static func end(_ client: ModelClient) throws -> [SandboxJSON?] {
        [
            try client.update(["conversation_id": "c1", "status": "closed"]).json["data"]?["status"],
            try client.patchVoicebot("1", ["status": "done"]).json["status"],
            try client.patchVG("c1", ["state": "ended_chat"]).json["data"]?["state"],
        ]
    }

    private static func reads(_ client: ModelClient) throws -> [SandboxJSON?] {
        [
            try client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "c1"]).json["data"]?["status"],
            try client.call("GET", "/voicebot/conversations/1").json["data"]?["status"],
            try client.call("GET", "/vg/agents/a1/convos/c1").json["data"]?["state"],
        ]
    }

    private static func open(_ client: ModelClient) throws {
        _ = try client.update(["conversation_id": "c1", "status": "open"])
        _ = try client.patchVoicebot("1", ["status": "in-progress"])
        _ = try client.patchVG("c1", ["state": "ai-chatting"])
    }

    @Test func `a rule reopens a conversation that a call has ended, after the response, and calls the webhook`() throws {
        let client = ModelClient()
        for (remote, status) in [("helpdesk", "open"), ("voicebot", "to-do"), ("vg", "human-chatting")] {
            try client.world.setOptions(on: remote) { $0.reopensWith = status }
            try client.world.withInstance(remote) { $0.webhook = WebhookTarget(url: "http://hooks.example.com/", secret: "s") }
        }
        #expect(try Self.end(client) == ["closed", "done", "ended_chat"])
        #expect(try Self.reads(client) == ["open", "to-do", "human-chatting"])
        let bodies = try client.webhookCalls.map { try SandboxJSON.reading($0.body).get() }
        #expect(
            bodies.map { $0["conversation_id"] ?? $0["data"]?["status"] ?? $0["payload"]?["state"] } == ["c1", "to-do", "human-chatting"])
        #expect(client.webhookCalls.map(\.delayMilliseconds) == [1, 1, 1])
        // The date of the rule's change is not that of the call.
        let ended = try client.update(["conversation_id": "c1", "status": "ended"]).json["data"]?["updated_at"]?.string
        let now = client.world.state(of: "helpdesk", conversation: "c1")?["updated_at"]?.string
        #expect(try #require(ended) < (try #require(now)))
        // A call that does not end a conversation is left alone.
        try Self.open(client)
        #expect(try Self.reads(client) == ["open", "in-progress", "ai-chatting"])
        #expect(client.webhookCalls.count == 4)
    }

    @Test func `reads and lists can show the previous state for a while`() throws {
        let client = ModelClient()
        try Self.open(client)
        for remote in ["helpdesk", "voicebot", "vg"] { try client.world.setOptions(on: remote) { $0.laggingReads = 2 } }
        _ = try Self.end(client)
        func listed() throws -> [SandboxJSON?] {
            [
                try client.call("GET", "/voicebot/conversations").json["data"]?[0]?["status"],
                try client.call("GET", "/vg/agents/a1/convos").json["data"]?[0]?["state"],
            ]
        }
        for _ in 1...2 {
            #expect(try listed() == ["in-progress", "ai-chatting"])
            #expect(try Self.reads(client) == ["open", "in-progress", "ai-chatting"])
        }
        #expect(try Self.reads(client) == ["closed", "done", "ended_chat"])
        #expect(try listed() == ["done", "ended_chat"])
        // A call that changes nothing starts no lag.
        _ = try Self.end(client)
        #expect(try Self.reads(client) == ["closed", "done", "ended_chat"])
    }

    @Test func `a change by a person can have a date of its own, earlier or later than all others`() throws {
        let client = ModelClient()
        try Self.open(client)
        for date in [1_700_000_000_250, 4_102_444_800_000, 1_600_000_000_000] {
            try client.act(["agent": "a1", "conversation": "c1", "state": "human-chatting", "at_ms": .integer(date)], on: "vg")
            try client.act(["conversation": "c1", "status": "closed", "at_ms": .integer(date)], on: "helpdesk")
            #expect(client.world.state(of: "vg", conversation: "c1")?["lastModified"]?.integer == date / 1000)
        }
        let read = try client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "c1"])
        #expect(read.json["data"]?["updated_at"] == "2020-09-13T12:26:40.000Z")
        #expect(throws: ControlRefusal.self) { try client.act(["conversation": "c1", "at_ms": "now"], on: "helpdesk") }
        #expect(throws: ControlRefusal.self) { try client.act(["conversation": "c1", "at_ms": -1], on: "helpdesk") }
    }

    @Test func `a backup restores states and dates`() throws {
        let client = ModelClient()
        try Self.open(client)
        let date: SandboxJSON = 1_700_000_000_000
        try client.act(["agent": "a1", "conversation": "c1", "state": "human-chatting", "at_ms": date], on: "vg")
        #expect(throws: ControlRefusal.self) { try client.restore(["vg"]) }
        for remote in ["helpdesk", "voicebot", "vg"] { try client.world.withInstance(remote) { $0.backUp() } }
        _ = try Self.end(client)
        _ = try client.patchVG("c2", ["state": "ai-chatting"])
        try client.restore(["helpdesk", "voicebot", "vg"])
        #expect(try Self.reads(client) == ["open", "in-progress", "human-chatting"])
        #expect(client.world.state(of: "vg", conversation: "c1")?["lastModified"] == 1_700_000_000)
        #expect(try client.call("GET", "/vg/agents/a1/convos").json["data"]?.array?.count == 1)
        client.world.reset()
        #expect(throws: ControlRefusal.self) { try client.restore(["vg"]) }
    }
}

extension ModelClient {
    fileprivate func restore(_ remotes: [String]) throws {
        for remote in remotes {
            try world.withInstance(remote) { instance throws(ControlRefusal) in try instance.restore() }
        }
    }
}
