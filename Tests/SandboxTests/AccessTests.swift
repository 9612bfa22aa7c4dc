import Sandbox
import Testing

/// Rules that are the same for all four systems.
struct AccessTests {
    private static let calls: [(method: String, path: String, body: SandboxJSON)] = [
        ("POST", "/helpdesk/update_conversation", ["conversation_id": "c1"]),
        ("POST", "/intercom/fin/reply", .message("c1")),
        ("PATCH", "/voicebot/conversations/1", ["status": "done"]),
        ("PATCH", "/vg/agents/a1/convos/c1", ["conversation": ["state": "ended_chat"]]),
    ]

    @Test(arguments: ["", "Bearer wrong", "Basic c2FuZGJveC10b2tlbg==", "sandbox-token"])
    func `a call without the right bearer token is a 401, and the token is not recorded`(authorization: String) async throws {
        try await withSandbox { client in
            for call in Self.calls {
                let reply = try await client.call(call.method, call.path, call.body, headers: ["Authorization": authorization])
                #expect(reply.status == 401)
            }
            #expect(client.sandbox.world.requests().allSatisfy { !$0.isAuthorized && $0.outcome == .rejected })
            let report = try await client.call("GET", "/_control/requests")
            #expect(!report.text.contains("wrong"))
        }
    }

    @Test func `an instance can have a token of its own`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setOptions(on: "vg-eu") { $0.token = "other" }
            let path = "/vg-eu/agents/a1/convos/c1"
            #expect(try await client.call("PATCH", path, ["conversation": [:]]).status == 401)
            let reply = try await client.call("PATCH", path, ["conversation": [:]], headers: ["Authorization": "Bearer other"])
            #expect(reply.status == 200)
        }
    }

    @Test func `a 401 has the system's own form of errors`() async throws {
        try await withSandbox { client in
            let wrong = ["Authorization": "Bearer wrong"]
            let fin = try await client.reply(.message("c1"), headers: wrong)
            #expect(fin.json["errors"]?[0]?["code"] == "unauthorized")
            let vg = try await client.call("PATCH", "/vg/agents/a1/convos/c1", [:], headers: wrong)
            #expect(vg.json["success"] == false)
        }
    }

    @Test(arguments: ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
    func `a body of another type is a 415`(contentType: String) async throws {
        try await withSandbox { client in
            for call in Self.calls {
                let reply = try await client.call(call.method, call.path, call.body, headers: ["Content-Type": contentType])
                #expect(reply.status == 415)
            }
        }
    }

    @Test func `a charset beside the type is allowed`() async throws {
        try await withSandbox { client async throws in
            let type = ["Content-Type": "application/json; charset=utf-8"]
            #expect(try await client.call("PATCH", "/voicebot/conversations/1", ["status": "done"], headers: type).status == 200)
        }
    }

    @Test(arguments: ["", "{", "[]", "\"x\"", "null", "{\"status\":\"done\",\"status\":\"done\"}"])
    func `a body that is not a JSON object is a 400`(text: String) async throws {
        try await withSandbox { client async throws in
            for call in Self.calls {
                #expect(try await client.call(call.method, call.path, raw: text).status == 400)
            }
        }
    }

    @Test func `another method is a 405 that names the allowed one`() async throws {
        try await withSandbox { client in
            for call in Self.calls {
                let reply = try await client.call("PUT", call.path, call.body)
                #expect(reply.status == 405)
                #expect(reply.headers["allow"]?.contains(call.method) == true)
            }
        }
    }

    @Test(arguments: [
        "/helpdesk", "/helpdesk/", "/helpdesk/update_conversation/", "/intercom/reply", "/voicebot/conversation/1", "/vg/agents/a1",
        "/vg/agents/a1/convos/c1/messages", "/vg//agents/a1/convos/c1", "/vgx/agents/a1/convos/c1", "/nothing", "/",
    ])
    func `a path that is in no document is a 404`(path: String) async throws {
        try await withSandbox { client async throws in
            #expect(try await client.call("POST", path, ["conversation_id": "c1"]).status == 404)
        }
    }

    @Test func `a body of more than four mebibytes is a 413`() async throws {
        try await withSandbox { client async throws in
            let text = "{\"conversation_id\":\"c1\",\"title\":\"" + String(repeating: "x", count: 4 * 1024 * 1024) + "\"}"
            #expect(try await client.call("POST", "/helpdesk/update_conversation", raw: text).status == 413)
            #expect(client.sandbox.world.summary()["oversized"] == 1)
            #expect(try await client.update(["conversation_id": "c1"]).status == 200)
        }
    }

    @Test func `an instance with a suffix has its own state`() async throws {
        try await withSandbox { client in
            _ = try await client.patchVG("c1", ["state": "ended_chat"])
            _ = try await client.call("PATCH", "/vg-eu/agents/a1/convos/c1", ["conversation": ["state": "ai-chatting"]])
            #expect(client.sandbox.world.state(of: "vg", conversation: "c1")?["state"] == "ended_chat")
            #expect(client.sandbox.world.state(of: "vg-eu", conversation: "c1")?["state"] == "ai-chatting")
            #expect(client.sandbox.url(of: "fin-eu") == client.sandbox.url + "/intercom-eu")
        }
    }
}
