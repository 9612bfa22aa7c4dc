import SandboxModel
import Testing

struct VoicebotTests {
    @Test func `status and user are applied, and the response is the bare conversation`() throws {
        let client = ModelClient()
        let reply = try client.patchVoicebot("17", ["status": "in-progress", "user_id": 7])
        #expect(reply.status == 200)
        #expect(reply.json["id"] == 17)
        #expect(reply.json["status"] == "in-progress")
        #expect(reply.json["user"]?["id"] == 7)
        #expect(reply.json["data"] == nil)
        let second = try client.patchVoicebot("17", ["user_id": nil])
        #expect(second.json["user"] == .null)
        #expect(second.json["status"] == "in-progress")
    }

    @Test func `a read shows when the customer last wrote, and a call cannot say it`() throws {
        let client = ModelClient()
        _ = try client.patchVoicebot("17", ["status": "to-do"])
        let date = "2026-03-02T09:30:00.000Z"
        try client.act(["conversation": "17", "last_customer_reply_from": .string(date)], on: "voicebot")
        let read = try client.call("GET", "/voicebot/conversations/17")
        #expect(read.json["data"]?["last_customer_reply_from"] == .string(date))
        #expect(read.json["data"]?["status"] == "to-do")
        #expect(try client.patchVoicebot("17", ["last_customer_reply_from": .string(date)]).status == 422)
    }

    @Test func `the response can have an envelope`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "voicebot") { $0.envelope = true }
        #expect(try client.patchVoicebot("17", ["status": "done"]).json["data"]?["status"] == "done")
    }

    @Test(
        arguments: [
            (["status": "closed"], "status", "status must be one of to-do, in-progress, done"),
            (["status": nil], "status", "status must be one of to-do, in-progress, done, not null"),
            (["user_id": "7"], "user_id", "user_id must be an integer or null, not string"),
            (["user_id": 1.5], "user_id", "user_id must be an integer or null, not number"),
            (["title": "x"], "title", "title is not a documented field"),
        ] as [(SandboxJSON, String, String)]
    )
    func `any field except the two documented ones is a 422 that names it`(
        body: SandboxJSON,
        field: String,
        message: String
    ) throws {
        let client = ModelClient()
        let reply = try client.patchVoicebot("17", body)
        #expect(reply.status == 422)
        #expect(reply.json["message"] == .string(message))
        #expect(reply.json["errors"]?[field] == [.string(message)])
        #expect(client.world.state(of: "voicebot").isEmpty)
    }

    @Test(arguments: ["abc", "1.5", "-1", "007", "%31x"])
    func `an id that is not an integer is not found`(id: String) throws {
        let client = ModelClient()
        #expect(try client.patchVoicebot(id, ["status": "done"]).status == 404)
    }

    @Test func `unknown ids are created by default, and deleted ones are not found`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "voicebot") { options in
            options.autoCreate = false
            options.deleted = ["18"]
        }
        try client.world.seed([["conversation": "17"], ["conversation": "18"]], on: "voicebot")
        #expect(try client.patchVoicebot("17", ["status": "done"]).status == 200)
        #expect(try client.patchVoicebot("18", ["status": "done"]).status == 404)
        #expect(try client.patchVoicebot("19", ["status": "done"]).status == 404)
    }

    @Test func `a user that the workspace does not have is refused`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "voicebot") { $0.users = ["7": "Ada"] }
        #expect(try client.patchVoicebot("17", ["user_id": 7]).json["user"]?["name"] == "Ada")
        #expect(try client.patchVoicebot("17", ["user_id": 8]).status == 422)
    }

    @Test func `one conversation is read in an envelope`() throws {
        let client = ModelClient()
        _ = try client.patchVoicebot("17", ["status": "done"])
        #expect(try client.call("GET", "/voicebot/conversations/17").json["data"]?["status"] == "done")
        #expect(try client.call("GET", "/voicebot/conversations/18").status == 404)
    }

    @Test func `following the next link shows every conversation once`() throws {
        let client = ModelClient()
        try client.world.seed([5, 7, 1, 3, 2, 6, 4].map { ["conversation": .string(String($0))] }, on: "voicebot")
        var path: String? = "/voicebot/conversations?per_page=3"
        var seen: [Int] = []
        var pages = 0
        while let current = path {
            let reply = try client.call("GET", current)
            seen += reply.json["data"]?.array?.compactMap { $0["id"]?.integer } ?? []
            #expect(reply.json["meta"]?["total"] == 7)
            path = reply.json["links"]?["next"]?.string.map { String($0.dropFirst("http://localhost".count)) }
            pages += 1
        }
        #expect(seen == Array(1...7))
        #expect(pages == 3)
    }
}
