import Sandbox
import Testing

/// Faults that leave the connection intact, as the client sees them, and whether the system has applied the request.
struct FaultTests {
    @Test func `latency delays the response, and the request is applied`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.latency, times: 1, latencyMilliseconds: 80)], on: "vg")
            let start = ContinuousClock.now
            #expect(try await client.patchVG("c1", ["state": "ended_chat"]).status == 200)
            #expect(ContinuousClock.now - start >= .milliseconds(80))
            #expect(client.hasEndedChat)
            #expect(try await client.patchVG("c2", ["state": "ended_chat"]).status == 200)
            #expect(client.sandbox.world.requests().map(\.fault) == [.latency, nil])
        }
    }

    @Test(arguments: [401, 403, 404, 422, 429, 500, 502, 503, 504])
    func `a status is sent in the system's own form and nothing is applied`(status: Int) async throws {
        try await withSandbox { client in
            var rule = FaultRule(.status, times: 1)
            rule.status = status
            try client.sandbox.world.setFaults([rule], on: "vg")
            let reply = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(reply.status == status)
            #expect(reply.json["success"] == false)
            #expect(client.sandbox.world.state(of: "vg").isEmpty)
            #expect(try client.onlyRecord().outcome == .prevented)
        }
    }

    @Test func `a status can carry headers, a body and both forms of Retry-After`() async throws {
        try await withSandbox { client in
            var first = FaultRule(.status, times: 1)
            first.status = 429
            first.headers = ["X-RateLimit-Limit": "10"]
            first.retryAfterSeconds = 3
            first.rateLimitResetSeconds = 60
            first.body = ["code": "slow"]
            var second = FaultRule(.status, times: 1)
            second.status = 503
            second.retryAfterDateSeconds = 3
            second.body = "plain text"
            try client.sandbox.world.setFaults([first, second], on: "fin")
            let limited = try await client.reply(.message("c1"))
            #expect(limited.headers["retry-after"] == "3")
            #expect(limited.headers["x-ratelimit-limit"] == "10")
            #expect(limited.headers["x-ratelimit-remaining"] == "0")
            #expect(limited.headers["x-ratelimit-reset"].flatMap(Int.init) ?? 0 > 1_700_000_000)
            #expect(limited.json == ["code": "slow"])
            let unavailable = try await client.reply(.message("c1"))
            #expect(unavailable.headers["retry-after"]?.hasSuffix(" GMT") == true)
            #expect(unavailable.text == "plain text")
        }
    }

    @Test func `garbage is a 200 without JSON, and the request is applied`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.garbage, times: 1)], on: "vg")
            let reply = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(reply.status == 200)
            #expect(throws: JSONReadError.self) { try SandboxJSON(text: reply.text) }
            #expect(client.hasEndedChat)
        }
    }

    @Test func `a wrong type is JSON that the document does not describe, and the request is applied`() async throws {
        try await withSandbox { client in
            for instance in ["helpdesk", "fin", "voicebot", "vg"] {
                try client.sandbox.world.setFaults([FaultRule(.wrongType, times: 1)], on: instance)
            }
            #expect(try await client.patchVG("c1", ["state": "ended_chat"]).json["success"] == "yes")
            #expect(client.hasEndedChat)
            #expect(try await client.patchVoicebot("1", ["status": "done"]).json["status"] == 3)
            #expect(try await client.update(["conversation_id": "c1"]).json["data"]?["id"] == 17)
            #expect(try await client.reply(.message("c1")).json["errors"] == "none")
        }
    }

    @Test func `an error inside a 200 has each system's own form`() async throws {
        try await withSandbox { client in
            for instance in ["helpdesk", "fin", "vg"] {
                try client.sandbox.world.setFaults([FaultRule(.errorInside, times: 1)], on: instance)
            }
            let vg = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(vg.status == 200)
            #expect(vg.json["success"] == false)
            #expect(!client.hasEndedChat)
            let helpdesk = try await client.update(["conversation_id": "c1"])
            #expect(helpdesk.status == 200)
            #expect(helpdesk.json["error"]?["type"]?.string != nil)
            #expect(client.sandbox.world.state(of: "helpdesk").isEmpty)
            let fin = try await client.reply(.message("c1"))
            #expect(fin.status == 200)
            #expect(fin.json["errors"]?["user"]?["attributes"]?.object?.isEmpty == false)
            #expect(client.sandbox.world.state(of: "fin").count == 1)
        }
    }

    @Test func `a slow body arrives completely`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.slowBody, times: 1, latencyMilliseconds: 100)], on: "vg")
            let start = ContinuousClock.now
            #expect(try await client.patchVG("c1", ["state": "ended_chat"]).json["data"]?["state"] == "ended_chat")
            #expect(ContinuousClock.now - start >= .milliseconds(90))
        }
    }

    @Test func `a huge body has the requested size`() async throws {
        try await withSandbox { client in
            var rule = FaultRule(.hugeBody, times: 1)
            rule.bytes = 1_000_000
            try client.sandbox.world.setFaults([rule], on: "vg")
            let reply = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(reply.text.utf8.count == 1_000_000)
            #expect(reply.json["padding"]?.string != nil)
            #expect(client.hasEndedChat)
        }
    }

    @Test(arguments: [true, false])
    func `drift responds with another status value than the one in the request`(isStored: Bool) async throws {
        try await withSandbox { client in
            var rule = FaultRule(.drift, times: 1)
            rule.value = "human-chatting"
            rule.isStored = isStored
            try client.sandbox.world.setFaults([rule], on: "vg")
            #expect(try await client.patchVG("c1", ["state": "ended_chat"]).json["data"]?["state"] == "human-chatting")
            #expect(client.hasEndedChat != isStored)
        }
    }

    @Test func `a redirect names another host and applies nothing`() async throws {
        try await withSandbox { client in
            var rule = FaultRule(.redirect, times: 1)
            rule.location = "http://127.0.0.1:9/elsewhere"
            try client.sandbox.world.setFaults([rule], on: "vg")
            let reply = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(reply.status == 307)
            #expect(reply.headers["location"] == "http://127.0.0.1:9/elsewhere")
            #expect(!client.hasEndedChat)
        }
    }
}
