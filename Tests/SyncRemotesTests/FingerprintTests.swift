import SyncCore
import SyncRemotes
import Testing

/// Another fingerprint plans every conversation again: it must change when the projection does, and only then.
@Suite struct FingerprintTests {
    private static func profile(_ change: (inout RemoteProfile) -> Void = { _ in }) -> RemoteProfile {
        var profile = RemoteProfile(name: "vg", kind: .vg, agentID: "agent9", aiAssignees: ["agent_fin", "agent_two"])
        change(&profile)
        return profile
    }

    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var apply: @Sendable (inout RemoteProfile) -> Void

        init(_ name: String, _ apply: @escaping @Sendable (inout RemoteProfile) -> Void) {
            testDescription = name
            self.apply = apply
        }
    }

    @Test(arguments: [
        Change("another agent") { $0.agentID = "agent8" },
        Change("no agent") { $0.agentID = nil },
        Change("another AI") { $0.aiAssignees = ["agent_fin"] },
        Change("another word") { $0.statusMap[LocalState(.ended, .human)] = .word("completed") },
        Change("no word") { $0.statusMap[LocalState(.open, .none)] = .noStatement },
        Change("no guard") { $0.statusMap.neverOver = [:] },
        Change("a weaker guard") { $0.statusMap.neverOver = ["ai-chatting": ["human-chatting"]] },
        Change("another source") { $0.fieldMap["userName"] = LocalSource("user.id") },
        Change("one field more") { $0.fieldMap["leadScore"] = LocalSource("attributes.score") },
        Change("one field less") { $0.fieldMap["tags"] = nil },
        Change("another path") { $0.paths["update_convo"] = "/v3/agents/{agentId}/convos/{convoId}" },
        Change("another kind") { $0.kind = .voicebot },
    ])
    func `a change of what is projected changes the fingerprint`(_ change: Change) {
        #expect(Self.profile(change.apply).fingerprint != Self.profile().fingerprint)
    }

    @Test(arguments: [
        Change("another name") { $0.name = "vg_eu" },
        Change("another API version") { $0.apiVersion = "2.15" },
        Change("other user attributes") { $0.userAttributes = ["plan"] },
    ])
    func `a change of anything else keeps the fingerprint`(_ change: Change) {
        #expect(Self.profile(change.apply).fingerprint == Self.profile().fingerprint)
    }

    @Test func `the fingerprint does not depend on the order in which sets and tables are walked`() {
        let fields = ["leadScore", "lang", "note", "summary", "userPhone", "userAddress", "userCompany", "userWebsite"]
        let agents = (0..<40).map { "agent_\($0)" }
        func build(_ fields: [String], _ agents: [String]) -> String {
            Self.profile { profile in
                for field in fields { profile.fieldMap[field] = LocalSource("attributes.\(field)") }
                profile.aiAssignees = []
                profile.statusMap.neverOver = ["ai-chatting": []]
                for agent in agents {
                    profile.aiAssignees.insert(agent)
                    profile.statusMap.neverOver["ai-chatting"]?.insert(agent)
                }
            }.fingerprint
        }
        #expect(build(fields, agents) == build(fields.reversed(), agents.reversed()))
    }

    @Test func `a list with a comma is not the list of its parts`() {
        #expect(Self.profile { $0.aiAssignees = ["a", "b"] }.fingerprint != Self.profile { $0.aiAssignees = ["a, b"] }.fingerprint)
    }

    @Test func `restated defaults keep the fingerprint`() {
        let restated = RemoteProfile(
            name: "vg", kind: .vg, statusMap: .standard(for: .vg), fieldMap: VGFields.standardMap, agentID: "agent9",
            paths: RemoteProfile.standardPaths(for: .vg), aiAssignees: ["agent_two", "agent_fin"])
        #expect(restated.fingerprint == Self.profile().fingerprint)
    }
}
