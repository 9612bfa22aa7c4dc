import SyncCore
import Testing

@testable import SyncRemotes

/// What is said of a field whose call got no response.
@Suite struct ExplanationTests {
    /// vg has acknowledged one e-mail address, and may hold another one.
    private func email(_ local: String?, inDoubt: Fields = ["userEmail": "a@x.example"]) throws -> FieldExplanation {
        var profile = Profile(name: "vg", kind: .vg, agentID: "agent9")
        profile.map("userEmail", to: "user.email")
        let snapshot = LinkSnapshot(
            Conversation(id: "c1", user: User(id: "u1", email: local)), remote: "vg",
            base: ["state": "requested_chat", "userEmail": "u1@example.com"], inDoubt: inDoubt)
        return try #require(profile.adapter.explain(snapshot).first { $0.name == "userEmail" })
    }

    @Test func `a value of a lost call is not said to be sent again if nothing is sent about the field by now`() throws {
        let field = try email(nil)
        #expect(field.decision == "no_statement" && field.isInDoubt)
        #expect(field.rule.hasPrefix(#"vg may hold "a@x.example""#), "\(field.rule)")
        #expect(!field.rule.contains("sent again"))
    }

    @Test(arguments: ["a@x.example", "u1@example.com", "b@x.example"])
    func `a field that has a value here is sent again, whatever the value`(local: String) throws {
        let field = try email(local)
        #expect(field.decision == "in_doubt" && field.rule.contains("sent again"), "\(field.rule)")
    }

    @Test func `without a lost call nothing is known to differ`() throws {
        let field = try email(nil, inDoubt: [:])
        #expect(field.decision == "no_statement" && !field.isInDoubt)
        #expect(field.rule == "nothing is said about it")
    }
}
