import Sandbox
import Testing

struct ControlTests {
    @Test func `faults are set, added, shown and cleared`() async throws {
        try await withSandbox { client in
            let path = "/_control/intercom/faults"
            _ = try await client.call("PUT", path, [["kind": "status", "status": 503, "times": 1]])
            _ = try await client.call("POST", path, ["kind": "status", "status": 502])
            #expect(try await client.reply(.message("c1")).status == 503)
            #expect(try await client.reply(.message("c1")).status == 502)
            let shown = try await client.call("GET", path).json["faults"]
            #expect(shown?[0] == ["kind": "status", "remaining": 0, "hits": 1])
            #expect(shown?[1] == ["kind": "status", "remaining": nil, "hits": 1])
            _ = try await client.call("DELETE", path)
            #expect(try await client.reply(.message("c1")).status == 200)
        }
    }

    @Test func `options are merged and shown without the token`() async throws {
        try await withSandbox { client in
            let path = "/_control/voicebot/options"
            let first = try await client.call("PUT", path, ["envelope": true, "token": "hidden"])
            #expect(first.status == 200)
            let second = try await client.call("PUT", path, ["auto_create": false])
            #expect(second.json["envelope"] == true)
            #expect(second.json["auto_create"] == false)
            #expect(second.json["has_own_token"] == true)
            #expect(!second.text.contains("hidden"))
            #expect(try await client.call("GET", path).json == second.json)
        }
    }

    @Test(
        arguments: [
            ("PUT", "/_control/vg/options", ["auto_create": "yes"], 400),
            ("PUT", "/_control/vg/options", ["speed": 1], 400),
            ("PUT", "/_control/vg/faults", [["kind": "explode"]], 400),
            ("POST", "/_control/vg/act", ["conversation": "c1", "agent": "a1", "state": "ended_chat"], 400),
            ("POST", "/_control/voicebot/seed", ["conversation": "x"], 400),
            ("PUT", "/_control/vg/webhook", ["url": "ftp://x", "secret": "s"], 400),
            ("PUT", "/_control/zendesk/options", [:], 404),
            ("PUT", "/_control/vg/nothing", [:], 404),
            ("PUT", "/_control/nothing", [:], 404),
            ("PATCH", "/_control/vg/options", [:], 405),
            ("POST", "/_control/summary", [:], 405),
            ("GET", "/_control/vg/act", [:], 405),
        ] as [(String, String, SandboxJSON, Int)]
    )
    func `an invalid control call is refused with a reason`(
        method: String,
        path: String,
        body: SandboxJSON,
        status: Int
    ) async throws {
        try await withSandbox { client in
            let reply = try await client.call(method, path, body)
            #expect(reply.status == status)
            #expect(reply.json["error"]?.string?.isEmpty == false)
        }
    }

    @Test func `seeded conversations exist with their state`() async throws {
        try await withSandbox { client in
            _ = try await client.call("POST", "/_control/voicebot/seed", [["conversation": "17", "status": "in-progress", "user_id": 7]])
            _ = try await client.call("POST", "/_control/vg/seed", ["conversation": "c1", "agent": "a1", "state": "human-chatting"])
            _ = try await client.call("POST", "/_control/helpdesk/seed", ["conversation": "c1", "status": "closed", "title": "x"])
            _ = try await client.call("POST", "/_control/intercom/seed", ["conversation": "c1", "status": "resolved"])
            #expect(try await client.call("GET", "/_control/voicebot/state/17").json["user_id"] == 7)
            #expect(try await client.call("GET", "/_control/vg/state/a1%2Fc1").json["state"] == "human-chatting")
            #expect(try await client.call("GET", "/_control/helpdesk/state").json["conversations"]?[0]?["status"] == "closed")
            #expect(try await client.call("GET", "/_control/fin/state").json["count"] == 1)
            #expect(try await client.call("GET", "/_control/vg/state/c2").status == 404)
        }
    }

    @Test func `people change conversations inside the systems`() async throws {
        try await withSandbox { client in
            let world = client.sandbox.world
            _ = try await client.patchVoicebot("17", ["status": "to-do"])
            _ = try await client.patchVG("c1", ["tags": ["a"]])
            _ = try await client.update(["conversation_id": "c1"])
            _ = try await client.call("POST", "/_control/voicebot/act", ["conversation": "17", "status": "done", "user_id": 7])
            let takeover: SandboxJSON = ["agent": "a1", "conversation": "c1", "state": "human-chatting", "tags": ["b"]]
            _ = try await client.call("POST", "/_control/vg/act", takeover)
            _ = try await client.call("POST", "/_control/helpdesk/act", ["conversation": "c1", "status": "closed"])
            let escalation: SandboxJSON = ["conversation": "c1", "status": "escalated", "reason": "Routed to team"]
            _ = try await client.call("POST", "/_control/fin/act", escalation)
            #expect(world.state(of: "voicebot", conversation: "17")?["status"] == "done")
            #expect(world.state(of: "vg", conversation: "c1")?["tags"] == ["a", "b"])
            #expect(world.state(of: "helpdesk", conversation: "c1")?["status"] == "closed")
            #expect(world.state(of: "fin", conversation: "c1")?["reason"] == "Routed to team")
            _ = try await client.call("POST", "/_control/fin/act", ["conversation": "c1", "reply": "<p>Hello</p>"])
            #expect(world.state(of: "fin", conversation: "c1")?["status"] == "awaiting_user_reply")
        }
    }

    @Test func `a request beyond the rate limit gets a 429 with Retry-After`() async throws {
        try await withSandbox { client in
            _ = try await client.call("PUT", "/_control/fin/options", ["rate_limit": ["per_second": 0.001, "retry_after": 4]])
            #expect(try await client.reply(.message("c1")).status == 200)
            let limited = try await client.reply(.message("c2"))
            #expect(limited.status == 429)
            #expect(limited.headers["retry-after"] == "4")
            #expect(limited.headers["x-ratelimit-remaining"] == "0")
            #expect(limited.json["errors"]?[0]?["code"] == "rate_limit_exceeded")
            #expect(client.sandbox.world.requests().last?.outcome == .throttled)
        }
    }

    @Test func `a request beyond the concurrency limit gets a 429`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setOptions(on: "vg") { $0.concurrencyLimit = 1 }
            try client.sandbox.world.setFaults([FaultRule(.hangAfter, times: 1)], on: "vg")
            let hanging = Task { try await client.patchVG("c1", [:]) }
            #expect(await client.sandbox.world.wait { $0.requests().count == 1 })
            #expect(try await client.patchVG("c2", [:]).status == 429)
            hanging.cancel()
        }
    }

    @Test func `a reset forgets everything but the token`() async throws {
        try await withSandbox { client in
            _ = try await client.patchVoicebot("17", ["status": "done"])
            try client.sandbox.world.setFaults([FaultRule(.status)], on: "voicebot")
            #expect(try await client.call("POST", "/_control/reset").status == 200)
            #expect(client.sandbox.world.state(of: "voicebot").isEmpty)
            #expect(client.sandbox.world.requests().isEmpty)
            #expect(try await client.patchVoicebot("17", ["status": "done"]).status == 200)
        }
    }

    @Test func `options of the stored form are set, shown and applied`() async throws {
        try await withSandbox { client in
            let path = "/_control/helpdesk/options"
            let options: SandboxJSON = [
                "title_form": ["length": 60, "escape_ampersands": true, "capitalise": false],
                "refused_members": [["field": "user.email", "value": "x", "message": nil], ["field": "title", "message": "too long"]],
                "reopens_with": "open", "lagging_reads": 2, "write_response": "undated",
            ]
            let set = try await client.call("PUT", path, options)
            for (name, value) in try #require(options.object) { #expect(set.json[name] == value, "\(name)") }
            #expect(try await client.update(["conversation_id": "c1", "title": "x"]).status == 400)
            #expect(try await client.call("PUT", path, ["refused_members": []]).json["refused_members"] == [])
            #expect(try await client.update(["conversation_id": "c1", "title": "a&b"]).json["data"]?["title"] == "a&amp;b")
            #expect(try await client.call("PUT", path, ["write_response": "none"]).status == 400)
        }
    }

    @Test func `a backup is made and restored`() async throws {
        try await withSandbox { client in
            _ = try await client.patchVG("c1", ["state": "ai-chatting"])
            #expect(try await client.call("POST", "/_control/vg/restore").status == 400)
            #expect(try await client.call("POST", "/_control/vg/backup").status == 200)
            _ = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(try await client.call("POST", "/_control/vg/restore").status == 200)
            #expect(client.sandbox.world.state(of: "vg", conversation: "c1")?["state"] == "ai-chatting")
        }
    }

    @Test func `a port in use is an error at the start`() async throws {
        try await withSandbox { client in
            var configuration = SandboxConfiguration()
            configuration.port = client.sandbox.port
            let taken = configuration
            await #expect(throws: (any Error).self) { try await SandboxServer.start(taken) }
        }
    }
}
