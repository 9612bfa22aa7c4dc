import SandboxModel
import Testing

struct HelpdeskTests {
    private static let example: SandboxJSON = [
        "conversation_id": "conv_456",
        "title": "Pricing inquiry - resolved",
        "tags": ["pricing", "sales"],
        "attributes": ["issue_type": "Billing", "priority": "High"],
        "status": "resolved",
        "assignee_id": "agent_fin",
        "last_user_read_at": "2025-10-27T15:45:00.000Z",
        "user": [
            "id": "user_123456", "name": "Jane Doe", "email": "jane.doe@example.com", "photo_url": "https://example.com/avatars/jane.jpg",
            "user_type": "end_user", "attributes": ["plan_type": "enterprise", "is_premium": true],
        ],
    ]

    @Test func `the document's example creates a conversation and gets a complete response`() throws {
        let client = ModelClient()
        let reply = try client.update(Self.example)
        #expect(reply.status == 200)
        #expect(reply.headers["Content-Type"] == "application/json")
        let data = try #require(reply.json["data"]?.object)
        #expect(data["id"] == "conv_456")
        #expect(data["status"] == "resolved")
        #expect(data["title"] == "Pricing inquiry - resolved")
        #expect(data["tags"] == ["pricing", "sales"])
        #expect(data["attributes"] == ["issue_type": "Billing", "priority": "High"])
        #expect(data["assignee"] == ["alias_name": "agent_fin"])
        #expect(data["user"] == Self.example["user"])
        #expect(data["created_at"]?.string == data["updated_at"]?.string)
        let state = client.world.state(of: "helpdesk", conversation: "conv_456")
        #expect(state?["last_user_read_at"] == "2025-10-27T15:45:00.000Z")
        #expect(try client.onlyRecord().outcome == .applied)
    }

    @Test func `absent fields stay, tags are replaced, attributes are merged, and null removes the assignee`() throws {
        let client = ModelClient()
        _ = try client.update(Self.example)
        let reply = try client.update([
            "conversation_id": "conv_456", "tags": ["vip"], "attributes": ["priority": "Low"], "assignee_id": nil,
            "user": ["name": "Jane"],
        ])
        let data = reply.json["data"]
        #expect(data?["tags"] == ["vip"])
        #expect(data?["attributes"] == ["issue_type": "Billing", "priority": "Low"])
        #expect(data?["assignee"] == .null)
        #expect(data?["title"] == "Pricing inquiry - resolved")
        #expect(data?["status"] == "resolved")
        #expect(data?["user"]?["name"] == "Jane")
        #expect(data?["user"]?["email"] == "jane.doe@example.com")
    }

    @Test(
        arguments: [
            (["conversation_id": 7], "conversation_id must be a string, not integer"),
            (["title": "no id"], "conversation_id is required"),
            (["conversation_id": "c", "titel": "x"], "titel is not a documented field"),
            (["conversation_id": "c", "status": "done"], "status must be one of open, resolved, closed, ended"),
            (["conversation_id": "c", "status": nil], "status must be one of open, resolved, closed, ended, not null"),
            (["conversation_id": "c", "tags": "a,b"], "tags must be an array, not string"),
            (["conversation_id": "c", "tags": ["a", 1]], "tags[1] must be a string, not integer"),
            (["conversation_id": "c", "attributes": nil], "attributes must be an object, not null"),
            (["conversation_id": "c", "assignee_id": 5], "assignee_id must be a string or null, not integer"),
            (
                ["conversation_id": "c", "last_user_read_at": "yesterday"],
                "last_user_read_at must be an ISO 8601 date-time with a time zone"
            ),
            (["conversation_id": "c", "user": ["user_type": "agent"]], "user.user_type must be one of end_user"),
            (["conversation_id": "c", "user": ["phone": "1"]], "user.phone is not a documented field"),
        ] as [(SandboxJSON, String)]
    )
    func `a body that violates the document gets a problem that says why`(body: SandboxJSON, detail: String) throws {
        let client = ModelClient()
        let reply = try client.update(body)
        #expect(reply.status == 400)
        #expect(reply.json["error"]?["status"] == 400)
        #expect(reply.json["error"]?["detail"] == .string(detail))
        #expect(reply.json["error"]?["instance"] == "/helpdesk/update_conversation")
        #expect(client.world.state(of: "helpdesk").isEmpty)
        #expect(try client.onlyRecord().outcome == .rejected)
    }

    @Test func `a conversation can be read back, and an unknown one is a 404 problem`() throws {
        let client = ModelClient()
        let written = try client.update(Self.example)
        let read = try client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "conv_456"])
        #expect(read.json == written.json)
        let missing = try client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "conv_457"])
        #expect(missing.status == 404)
        #expect(missing.json["error"]?["title"] == "Not Found")
    }

    @Test func `a problem can be the whole body`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "helpdesk") { $0.bareProblems = true }
        let reply = try client.update(["conversation_id": 7])
        #expect(reply.json["status"] == 400)
        #expect(reply.headers["Content-Type"] == "application/problem+json")
    }
}
