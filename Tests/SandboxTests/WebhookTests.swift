import Sandbox
import Testing

/// Events go to a second sandbox, whose record shows them.
struct WebhookTests {
    private static func received(_ receiver: SandboxServer, count: Int) async -> [SandboxJSON] {
        _ = await receiver.world.wait { $0.requests(instance: "helpdesk").count >= count }
        return receiver.world.requests(instance: "helpdesk").compactMap(\.bodyJSON)
    }

    @Test func `changes by people in a system reach its webhook in order`() async throws {
        let receiver = try await SandboxServer.start()
        try await withSandbox { client in
            let target: SandboxJSON = ["url": .string(receiver.url(of: "helpdesk") + "/hook"), "secret": "s3cret"]
            for instance in ["voicebot", "vg", "fin"] {
                #expect(try await client.call("PUT", "/_control/\(instance)/webhook", target).status == 200)
            }
            try client.sandbox.world.seed([["conversation": "17"]], on: "voicebot")
            try client.sandbox.world.seed([["agent": "a1", "conversation": "c1"]], on: "vg")
            try client.sandbox.act(["conversation": "17", "status": "done"], on: "voicebot")
            _ = try await client.call("POST", "/_control/vg/act", ["agent": "a1", "conversation": "c1", "state": "human-chatting"])
            let escalation: SandboxJSON = ["conversation": "c1", "status": "escalated", "reason": "Routed to team"]
            _ = try await client.call("POST", "/_control/fin/act", escalation)
            _ = try await client.reply(.message("c1"))
            let bodies = await Self.received(receiver, count: 4)
            try #require(bodies.count == 4)
            #expect(bodies[0]["data"]?["status"] == "done")
            #expect(bodies[1]["type"] == "conversation_updated")
            #expect(bodies[1]["payload"]?["state"] == "human-chatting")
            #expect(bodies[1]["payload"]?["workspaceSecret"] == "s3cret")
            #expect(bodies[1]["payload"]?["createdAt"]?.integer ?? 0 > 1_700_000_000_000)
            #expect(bodies[2]["event_name"] == "fin_status_updated")
            #expect(bodies[2]["status"] == "escalated")
            #expect(bodies[2]["reason"] == "Routed to team")
            #expect(bodies[3]["event_name"] == "fin_replied")
            #expect(bodies[3]["message"]?["author"] == "fin")
        }
        await receiver.stop()
    }

    @Test func `a write is sent to the webhook where the system is configured to do so`() async throws {
        let receiver = try await SandboxServer.start()
        try await withSandbox { client in
            let target = WebhookTarget(url: receiver.url(of: "helpdesk") + "/hook", secret: "s")
            try client.sandbox.world.setWebhook(target, on: "vg")
            _ = try await client.patchVG("c1", ["state": "ai-chatting"])
            try client.sandbox.world.setOptions(on: "vg") { $0.echoesWrites = true }
            _ = try await client.patchVG("c1", ["state": "ended_chat"])
            let bodies = await Self.received(receiver, count: 1)
            #expect(bodies.map { $0["payload"]?["state"] } == ["ended_chat"])
        }
        await receiver.stop()
    }
}
