import SandboxModel
import Testing

/// The form in which a system stores the values of a call, and its response.
struct StoredFormTests {
    @Test(
        arguments: [
            (TitleForm(length: 6), "Tom & Jerry", "Tom & "),
            (TitleForm(escapesAmpersands: true), "A & B&C", "A &amp; B&amp;C"),
            (TitleForm(capitalises: true), "Pricing", "PRICING"),
            (TitleForm(length: 3, escapesAmpersands: true, capitalises: true), "a&bcd", "A&AMP;B"),
            (TitleForm(), "as & is", "as & is"),
        ]
    )
    func `a title is stored, returned and read in the form of the system`(form: TitleForm, sent: String, stored: String) throws {
        let client = ModelClient()
        for remote in ["vg", "helpdesk"] { try client.world.setOptions(on: remote) { $0.titleForm = form } }
        let fields: SandboxJSON = ["conversation_id": "c1", "title": .string(sent)]
        #expect(try client.update(fields).json["data"]?["title"] == .string(stored))
        let read = try client.call("POST", "/helpdesk/get_conversation", ["conversation_id": "c1"])
        #expect(read.json["data"]?["title"] == .string(stored))
        #expect(try client.patchVG("c1", ["title": .string(sent)]).json["data"]?["title"] == .string(stored))
        #expect(try client.call("GET", "/vg/agents/a1/convos/c1").json["data"]?["title"] == .string(stored))
    }

    @Test func `an escaped title is escaped again when it is sent back`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "vg") { $0.titleForm.escapesAmpersands = true }
        let first = try client.patchVG("c1", ["title": "A & B"]).json["data"]?["title"]
        #expect(try client.patchVG("c1", ["title": try #require(first)]).json["data"]?["title"] == "A &amp;amp; B")
    }

    @Test func `a helpdesk that sorts tags shows them in its own order, and those of a person as they are`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "helpdesk") { $0.sortsTags = true }
        #expect(try client.update(["conversation_id": "c1", "tags": ["b", "c", "a"]]).json["data"]?["tags"] == ["a", "b", "c"])
        #expect(client.world.state(of: "helpdesk", conversation: "c1")?["tags"] == ["a", "b", "c"])
        try client.act(["conversation": "c1", "tags": ["b", "a"]], on: "helpdesk")
        #expect(client.world.state(of: "helpdesk", conversation: "c1")?["tags"] == ["b", "a"])
    }

    @Test func `a title that a person writes in the system stays unchanged`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "helpdesk") { $0.titleForm.length = 1 }
        _ = try client.update(["conversation_id": "c1"])
        try client.act(["conversation": "c1", "title": "long"], on: "helpdesk")
        #expect(client.world.state(of: "helpdesk", conversation: "c1")?["title"] == "long")
    }

    @Test func `a refused value refuses the whole call and is named, and a call without it is applied`() throws {
        let client = ModelClient()
        let laravel = RefusedMember("user_id", value: 77, message: "The selected user id is invalid.")
        try client.world.setOptions(on: "voicebot") { $0.refusedMembers = [laravel] }
        let refused = try client.patchVoicebot("17", ["status": "done", "user_id": 77])
        #expect(refused.status == 422)
        let message: SandboxJSON = "The selected user id is invalid."
        #expect(refused.json == ["message": message, "errors": ["user_id": [message]]])
        #expect(client.world.state(of: "voicebot").isEmpty)
        #expect(try client.patchVoicebot("17", ["status": "done"]).status == 200)
        #expect(try client.patchVoicebot("17", ["user_id": 78]).status == 200)

        try client.world.setOptions(on: "helpdesk") {
            $0.refusedMembers = [RefusedMember("user.email", message: "user.email: no such host")]
        }
        let problem = try client.update(["conversation_id": "c1", "status": "closed", "user": ["email": "a@b"]])
        #expect(problem.status == 400)
        #expect(problem.json["error"]?["detail"] == "user.email: no such host")
        #expect(try client.update(["conversation_id": "c1", "user": ["name": "Jane"]]).status == 200)

        try client.world.setOptions(on: "vg") { $0.refusedMembers = [RefusedMember("userEmail")] }
        let wrong = try client.patchVG("c1", ["userEmail": "a", "title": "T"])
        #expect(wrong.status == 400)
        #expect(wrong.json["message"] == "conversation.userEmail has a value that is not accepted here")
        #expect(try client.patchVG("c1", ["title": "T"]).status == 200)
        #expect(client.world.requests(instance: "vg").map(\.outcome) == [.rejected, .applied])
    }

    @Test func `the response to a call can lack a body, or the date of the change`() throws {
        let client = ModelClient()
        for remote in ["voicebot", "vg", "helpdesk"] { try client.world.setOptions(on: remote) { $0.writeResponse = .empty } }
        for reply in [
            try client.patchVoicebot("17", ["status": "done"]), try client.patchVG("c1", ["title": "T"]),
            try client.update(["conversation_id": "c1", "title": "T"]),
        ] {
            #expect(reply.status == 204)
            #expect(reply.text.isEmpty)
        }
        #expect(try client.patchVG("c1", ["state": "open"]).json["success"] == false, "errors have their body")
        for remote in ["vg", "helpdesk"] { try client.world.setOptions(on: remote) { $0.writeResponse = .undated } }
        let vg = try client.patchVG("c1", ["title": "U"]).json["data"]
        #expect(vg?["title"] == "U")
        #expect(vg?["lastModified"] == nil)
        let helpdesk = try client.update(["conversation_id": "c1", "title": "U"]).json["data"]
        #expect(helpdesk?["title"] == "U")
        #expect(helpdesk?["updated_at"] == nil)
        #expect(try client.call("GET", "/vg/agents/a1/convos/c1").json["data"]?["lastModified"]?.integer != nil)
    }
}
