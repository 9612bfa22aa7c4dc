import SandboxModel
import Testing

struct VGTests {
    @Test func `the document's example is applied, and the response has the envelope`() throws {
        let client = ModelClient()
        let reply = try client.patchVG(
            "c1",
            ["tags": ["support", "resolved"], "state": "completed", "title": "Product Inquiry - Resolved"]
        )
        #expect(reply.status == 200)
        #expect(reply.json["success"] == true)
        #expect(reply.json["data"]?["state"] == "completed")
        #expect(reply.json["data"]?["title"] == "Product Inquiry - Resolved")
    }

    @Test func `the example's status value, which the enum lacks, can be refused`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "vg") { $0.acceptCompleted = false }
        #expect(try client.patchVG("c1", ["state": "completed"]).status == 400)
        #expect(try client.patchVG("c1", ["state": "ended_chat"]).status == 200)
    }

    @Test func `tags are merged without duplicates`() throws {
        let client = ModelClient()
        _ = try client.patchVG("c1", ["tags": ["a", "b"]])
        #expect(try client.patchVG("c1", ["tags": ["b", "c", "c"]]).json["data"]?["tags"] == ["a", "b", "c"])
        #expect(try client.patchVG("c1", ["tags": []]).json["data"]?["tags"] == ["a", "b", "c"])
    }

    @Test func `lastModified moves when a field changes, and only then`() throws {
        let client = ModelClient()
        try client.world.seed([["agent": "a1", "conversation": "c1", "title": "x", "lastModified": 100]], on: "vg")
        #expect(try client.patchVG("c1", ["title": "x"]).json["data"]?["lastModified"] == 100)
        let changed = try client.patchVG("c1", ["title": "y", "lastModified": 5]).json["data"]?["lastModified"]?.integer
        #expect(try #require(changed) > 1_700_000_000)
    }

    @Test(
        arguments: [
            (
                ["conversation": ["state": "open"]],
                "conversation.state must be one of requested_chat, human-chatting, ai-chatting, ended_chat, completed"
            ),
            (["conversation": ["title": nil]], "conversation.title must be a string, not null"),
            (["conversation": ["origin": nil]], "conversation.origin must be a value, not null"),
            (["conversation": ["leadScore": "9"]], "conversation.leadScore must be a number, not string"),
            (["conversation": ["isTest": 1]], "conversation.isTest must be a boolean, not integer"),
            (["conversation": ["assignee": "x"]], "conversation.assignee is not a documented field"),
            (["conversation": ["vapi": ["price": 1]]], "conversation.vapi.price is not a documented field"),
            (
                ["conversation": ["handoffHistory": [["teamIds": [1]]]]],
                "conversation.handoffHistory[0].teamIds[0] must be a string, not integer"
            ),
            (["conversation": []], "conversation must be an object, not array"),
            (["state": "ended_chat"], "conversation is required; state is not a documented field"),
        ] as [(SandboxJSON, String)]
    )
    func `a body that violates the document is refused with the reason`(body: SandboxJSON, message: String) throws {
        let client = ModelClient()
        let reply = try client.call("PATCH", "/vg/agents/a1/convos/c1", body)
        #expect(reply.status == 400)
        #expect(reply.json == ["success": false, "message": .string(message)])
        #expect(client.world.state(of: "vg").isEmpty)
    }

    @Test func `every type of documented field is accepted`() throws {
        let client = ModelClient()
        let reply = try client.patchVG(
            "c1",
            [
                "userEmail": "a@example.com", "leadScore": 0.5, "isBlocked": true, "origin": "web", "capturedVariables": ["a": 1],
                "sessions": [1, "x"], "funnelExtractedData": ["k": nil], "vapi": ["cost": 1], "nodesInfo": ["currentNode": "n"],
                "voice": ["listenUrlUNIX": 1], "detailedCost": ["llmCost": 1],
                "handoffHistory": [["requestedAt": 1, "teamIds": ["t"]]],
            ]
        )
        #expect(reply.status == 200)
        #expect(reply.json["data"]?["capturedVariables"] == ["a": 1])
    }

    @Test func `deleted conversations and agents are not found`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "vg") { $0.deleted = ["gone", "a2", "a1/c9"] }
        #expect(try client.patchVG("gone", ["state": "ended_chat"]).status == 404)
        #expect(try client.patchVG("c9", ["state": "ended_chat"]).status == 404)
        #expect(try client.call("PATCH", "/vg/agents/a2/convos/c1", ["conversation": [:]]).status == 404)
        #expect(try client.call("PATCH", "/vg/agents/a3/convos/c9", ["conversation": [:]]).status == 200)
    }

    @Test func `following the cursor shows every conversation once, newest first`() throws {
        let client = ModelClient()
        try client.world.seed(
            (1...45).map { ["agent": "a1", "conversation": .string("c\($0)"), "ts": .integer(1000 + $0 / 2)] },
            on: "vg"
        )
        try client.world.seed([["agent": "a2", "conversation": "other"]], on: "vg")
        var seen: [String] = []
        var cursor: String?
        repeat {
            let query = cursor.map { "?page=2&cursor=\($0)" } ?? ""
            let reply = try client.call("GET", "/vg/agents/a1/convos\(query)")
            let rows = reply.json["data"]?.array ?? []
            #expect(rows.count <= 20)
            seen += rows.compactMap { $0["ID"]?.string }
            cursor = reply.json["nextCursor"]?.string
            #expect(reply.json["hasMore"] == .boolean(cursor != nil))
        } while cursor != nil
        #expect(seen.count == 45)
        #expect(Set(seen).count == 45)
        #expect(seen.last == "c1")
    }

    @Test(arguments: ["?page=2", "?limit=21", "?limit=0", "?cursor=x"])
    func `an invalid query is refused`(query: String) throws {
        let client = ModelClient()
        #expect(try client.call("GET", "/vg/agents/a1/convos\(query)").status == 400)
    }

    @Test func `a created or changed conversation is in the next list`() throws {
        let client = ModelClient()
        try client.world.seed([["agent": "a1", "conversation": "c1", "ts": 1]], on: "vg")
        #expect(try client.call("GET", "/vg/agents/a1/convos").json["data"]?.array?.count == 1)
        _ = try client.patchVG("c2", ["state": "human-chatting"])
        let second = try client.call("GET", "/vg/agents/a1/convos").json["data"]
        #expect(second?[0]?["ID"] == "c2")
        #expect(second?[1]?["ID"] == "c1")
        _ = try client.patchVG("c1", ["messagesNum": 0])
        let third = try client.call("GET", "/vg/agents/a1/convos").json["data"]
        #expect(third?.array?.count == 1)
        #expect(try client.call("GET", "/vg/agents/a9/convos").json["data"] == [])
    }

    @Test func `the list can lag behind the live conversation`() throws {
        let client = ModelClient()
        _ = try client.patchVG("c1", ["state": "human-chatting"])
        _ = try client.patchVG("c1", ["state": "ended_chat"])
        _ = try client.patchVG("c2", ["state": "ai-chatting"])
        try client.world.setOptions(on: "vg") { $0.staleChanges = 2 }
        let rows = try client.call("GET", "/vg/agents/a1/convos").json["data"]?.array
        #expect(rows?.count == 1)
        #expect(rows?.first?["state"] == "human-chatting")
        #expect(try client.call("GET", "/vg/agents/a1/convos/c1").json["data"]?["state"] == "ended_chat")
    }
}
