import SandboxModel
import Testing

struct FinTests {
    @Test func `a message is stored, and the response contains the status of the conversation`() throws {
        let client = ModelClient()
        let reply = try client.reply(.message("c1"))
        #expect(reply.status == 200)
        #expect(reply.json["conversation_id"] == "c1")
        #expect(reply.json["user_id"] == "123456")
        #expect(reply.json["status"] == "awaiting_user_reply")
        #expect(reply.json["created_at_ms"]?.string?.hasSuffix("Z") == true)
        #expect(reply.json["errors"] == nil)
        let state = client.world.state(of: "fin", conversation: "c1")
        #expect(state?["messages"]?[0]?["body"] == "How can I see my account details?")
    }

    @Test func `the status in the response to a reply can be chosen per conversation`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "fin") { options in
            options.finStatus = "thinking"
            options.finStatusByConversation = ["c2": "complete"]
        }
        #expect(try client.reply(.message("c1")).json["status"] == "thinking")
        #expect(try client.reply(.message("c2")).json["status"] == "complete")
    }

    @Test func `the same timestamp in the same conversation is stored once and gets the same response`() throws {
        let client = ModelClient()
        let first = try client.reply(.message("c1"))
        let second = try client.reply(.message("c1"))
        #expect(second.status == first.status)
        #expect(second.json["status"] == first.json["status"])
        #expect(client.world.requests().map(\.outcome) == [.applied, .deduplicated])
        #expect(client.world.state(of: "fin", conversation: "c1")?["message_count"] == 1)
        _ = try client.reply(.message("c1", timestamp: "2025-01-24T10:01:20.001Z"))
        _ = try client.reply(.message("c2"))
        #expect(client.world.requests().map(\.outcome) == [.applied, .deduplicated, .applied, .applied])
    }

    @Test func `the same timestamp after the window is a second message`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "fin") { $0.dedupeWindowMilliseconds = 0 }
        _ = try client.reply(.message("c1"))
        _ = try client.reply(.message("c1"))
        #expect(client.world.requests().map(\.outcome) == [.applied, .applied])
    }

    @Test func `attributes that the workspace does not have are a partial success`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "fin") { $0.unknownAttributes = ["invalid_attr"] }
        var body = SandboxJSON.message("c1").object ?? [:]
        body["user"] = ["id": "123456", "attributes": ["invalid_attr": 1, "plan_type": "Pro"]]
        let reply = try client.reply(.object(body))
        #expect(reply.status == 200)
        #expect(reply.json["errors"] == ["user": ["attributes": ["invalid_attr": "User attribute 'invalid_attr' does not exist"]]])
        #expect(try client.onlyRecord().outcome == .applied)
        #expect(client.world.state(of: "fin", conversation: "c1")?["user"]?["attributes"] == ["plan_type": "Pro"])
    }

    @Test(arguments: ["2.14", "2.15", "2.16", "1.0", "Preview"])
    func `a known version is accepted`(version: String) throws {
        let client = ModelClient()
        #expect(try client.reply(.message("c1"), headers: ["Intercom-Version": version]).status == 200)
    }

    @Test(arguments: ["", "2.17", "unstable"])
    func `a missing or unknown version is refused`(version: String) throws {
        let client = ModelClient()
        let reply = try client.reply(.message("c1"), headers: ["Intercom-Version": version])
        #expect(reply.status == 400)
        #expect(reply.json["type"] == "error.list")
        #expect(reply.json["errors"]?[0]?["field"] == "Intercom-Version")
    }

    @Test(
        arguments: [
            (["message", "author"], "bot", "message.author must be one of user, agent, fin"),
            (["message", "body"], nil, "message.body must be a string, not null"),
            (["message", "timestamp"], "2025-01-24", "message.timestamp must be an ISO 8601 date-time with a time zone"),
            (["user"], ["name": "x"], "user.id is required"),
            (["user"], ["id": 5], "user.id must be a string, not integer"),
            (["user"], ["id": "5", "phone": "x"], "user.phone is not a documented field"),
            (["conversation_id"], nil, "conversation_id must be a string, not null"),
        ] as [([String], SandboxJSON, String)]
    )
    func `a body that violates the document gets an error list that names the field`(
        path: [String],
        value: SandboxJSON,
        message: String
    ) throws {
        let client = ModelClient()
        var body = SandboxJSON.message("c1").object ?? [:]
        if path.count == 2, var inner = body[path[0]]?.object {
            inner[path[1]] = value
            body[path[0]] = .object(inner)
        } else {
            body[path[0]] = value
        }
        let reply = try client.reply(.object(body))
        #expect(reply.status == 400)
        #expect(reply.json["type"] == "error.list")
        #expect(reply.json["request_id"]?.string != nil)
        #expect(reply.json["errors"]?[0]?["message"] == .string(message))
    }

    @Test func `conversation metadata is refused in a reply`() throws {
        let client = ModelClient()
        var body = SandboxJSON.message("c1").object ?? [:]
        body["conversation_metadata"] = [:]
        #expect(try client.reply(.object(body)).status == 400)
    }

    @Test(arguments: [10, 11])
    func `more than ten attributes are refused`(count: Int) throws {
        let client = ModelClient()
        var body = SandboxJSON.message("c1").object ?? [:]
        let attributes = Dictionary(uniqueKeysWithValues: (0..<count).map { ("a\($0)", SandboxJSON.integer($0)) })
        body["user"] = ["id": "1", "attributes": .object(attributes)]
        let reply = try client.reply(.object(body))
        #expect(reply.status == (count <= 10 ? 200 : 400))
        if count > 10 { #expect(reply.json["errors"]?[0]?["message"] == "Cannot update more than 10 attributes at once.") }
    }

    @Test(
        arguments: [
            (["type": "url", "url": "https://example.com/a.pdf"], 200),
            (["type": "file", "name": "a.png", "content_type": "image/png", "data": "iVBORw0KGgo="], 200),
            (["type": "url"], 400),
            (["type": "url", "url": "ftp://example.com/a"], 400),
            (["type": "file", "name": "a.png", "data": "iVBORw0KGgo="], 400),
            (["type": "file", "name": "a.png", "content_type": "image/png", "data": "not base64"], 400),
            (["type": "image", "url": "https://example.com/a.pdf"], 400),
            (["url": "https://example.com/a.pdf"], 400),
        ] as [(SandboxJSON, Int)]
    )
    func `an attachment needs the members of its type`(attachment: SandboxJSON, status: Int) throws {
        let client = ModelClient()
        var body = SandboxJSON.message("c1").object ?? [:]
        body["attachments"] = [attachment]
        #expect(try client.reply(.object(body)).status == status)
    }

    @Test func `more than ten attachments are refused`() throws {
        let client = ModelClient()
        var body = SandboxJSON.message("c1").object ?? [:]
        body["attachments"] = .array(Array(repeating: ["type": "url", "url": "https://example.com/a.pdf"], count: 11))
        #expect(try client.reply(.object(body)).status == 400)
    }
}
