import Sandbox
import Testing

/// What a system shows that is not, or not any more, what was asked for last: rules, reads that lag, backups, dates.
struct PastStateTests {
    private static func end(_ client: SandboxClient) async throws -> [SandboxJSON?] {
        [
            try await client.update(["conversation_id": "c1", "status": "closed"]).json["data"]?["status"],
            try await client.patchVoicebot("1", ["status": "done"]).json["status"],
            try await client.patchVG("c1", ["state": "ended_chat"]).json["data"]?["state"],
        ]
    }

    private static func reads(_ client: SandboxClient) async throws -> [SandboxJSON?] {
        [
            try await client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "c1"]).json["data"]?["status"],
            try await client.call("GET", "/voicebot/conversations/1").json["data"]?["status"],
            try await client.call("GET", "/vg/agents/a1/convos/c1").json["data"]?["state"],
        ]
    }

    private static func open(_ client: SandboxClient) async throws {
        _ = try await client.update(["conversation_id": "c1", "status": "open"])
        _ = try await client.patchVoicebot("1", ["status": "in-progress"])
        _ = try await client.patchVG("c1", ["state": "ai-chatting"])
    }

    @Test func `a rule reopens what a call ends, after the response, and tells the webhook`() async throws {
        let receiver = try await SandboxServer.start()
        try await withSandbox { client in
            let world = client.sandbox.world
            let target = WebhookTarget(url: receiver.url(of: "helpdesk") + "/hook", secret: "s")
            for (remote, word) in [("helpdesk", "open"), ("voicebot", "to-do"), ("vg", "human-chatting")] {
                try world.setOptions(on: remote) { $0.reopensWith = word }
                try world.setWebhook(target, on: remote)
            }
            #expect(try await Self.end(client) == ["closed", "done", "ended_chat"])
            #expect(try await Self.reads(client) == ["open", "to-do", "human-chatting"])
            #expect(await receiver.world.wait { $0.requests().count == 3 })
            let bodies = receiver.world.requests().compactMap(\.bodyJSON)
            #expect(
                bodies.map { $0["conversation_id"] ?? $0["data"]?["status"] ?? $0["payload"]?["state"] } == [
                    "c1", "to-do", "human-chatting",
                ])
            // The date of the rule's change is not that of the call.
            let ended = try await client.update(["conversation_id": "c1", "status": "ended"]).json["data"]?["updated_at"]?.string
            let now = world.state(of: "helpdesk", conversation: "c1")?["updated_at"]?.string
            #expect(try #require(ended) < (try #require(now)))
            // What ends nothing is left alone.
            try await Self.open(client)
            #expect(try await Self.reads(client) == ["open", "in-progress", "ai-chatting"])
            #expect(receiver.world.requests().count == 4)
        }
        await receiver.stop()
    }

    @Test func `reads can show the former state for a while, the list with them`() async throws {
        try await withSandbox { client in
            try await Self.open(client)
            for remote in ["helpdesk", "voicebot", "vg"] { try client.sandbox.world.setOptions(on: remote) { $0.laggingReads = 2 } }
            _ = try await Self.end(client)
            func listed() async throws -> [SandboxJSON?] {
                [
                    try await client.call("GET", "/voicebot/conversations").json["data"]?[0]?["status"],
                    try await client.call("GET", "/vg/agents/a1/convos").json["data"]?[0]?["state"],
                ]
            }
            for _ in 1...2 {
                #expect(try await listed() == ["in-progress", "ai-chatting"])
                #expect(try await Self.reads(client) == ["open", "in-progress", "ai-chatting"])
            }
            #expect(try await Self.reads(client) == ["closed", "done", "ended_chat"])
            #expect(try await listed() == ["done", "ended_chat"])
            // A call that changes nothing starts no lag.
            _ = try await Self.end(client)
            #expect(try await Self.reads(client) == ["closed", "done", "ended_chat"])
        }
    }

    @Test func `an act can have a date of its own, earlier or later than all others`() async throws {
        try await withSandbox { client in
            try await Self.open(client)
            for date in [1_700_000_000_250, 4_102_444_800_000, 1_600_000_000_000] {
                try client.sandbox.act(["agent": "a1", "conversation": "c1", "state": "human-chatting", "at_ms": .integer(date)], on: "vg")
                try client.sandbox.act(["conversation": "c1", "status": "closed", "at_ms": .integer(date)], on: "helpdesk")
                #expect(client.sandbox.world.state(of: "vg", conversation: "c1")?["lastModified"]?.integer == date / 1000)
            }
            let read = try await client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "c1"])
            #expect(read.json["data"]?["updated_at"] == "2020-09-13T12:26:40.000Z")
            #expect(throws: ControlRefusal.self) { try client.sandbox.act(["conversation": "c1", "at_ms": "now"], on: "helpdesk") }
            #expect(throws: ControlRefusal.self) { try client.sandbox.act(["conversation": "c1", "at_ms": -1], on: "helpdesk") }
        }
    }

    @Test func `a backup brings back states and dates`() async throws {
        try await withSandbox { client in
            try await Self.open(client)
            let date: SandboxJSON = 1_700_000_000_000
            try client.sandbox.act(["agent": "a1", "conversation": "c1", "state": "human-chatting", "at_ms": date], on: "vg")
            #expect(try await client.call("POST", "/_control/vg/restore").status == 400)
            for remote in ["helpdesk", "voicebot", "vg"] {
                #expect(try await client.call("POST", "/_control/\(remote)/backup").status == 200)
            }
            _ = try await Self.end(client)
            _ = try await client.patchVG("c2", ["state": "ai-chatting"])
            for remote in ["helpdesk", "voicebot", "vg"] {
                #expect(try await client.call("POST", "/_control/\(remote)/restore").status == 200)
            }
            #expect(try await Self.reads(client) == ["open", "in-progress", "human-chatting"])
            #expect(client.sandbox.world.state(of: "vg", conversation: "c1")?["lastModified"] == 1_700_000_000)
            #expect(try await client.call("GET", "/vg/agents/a1/convos").json["data"]?.array?.count == 1)
            _ = try await client.call("POST", "/_control/reset")
            #expect(try await client.call("POST", "/_control/vg/restore").status == 400)
        }
    }
}
