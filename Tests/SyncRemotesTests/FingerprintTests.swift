import SyncCore
import SyncRemotes
import Testing

/// Another fingerprint plans every conversation again: it must change with the projection, and with nothing else.
@Suite struct FingerprintTests {
    private static func profile(_ change: (inout Profile) -> Void = { _ in }) -> Profile {
        var profile = Profile(name: "vg", kind: .vg, agentID: "agent9", aiAssignees: ["agent_fin", "agent_two"])
        change(&profile)
        return profile
    }

    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var apply: @Sendable (inout Profile) -> Void

        init(_ name: String, _ apply: @escaping @Sendable (inout Profile) -> Void) {
            testDescription = name
            self.apply = apply
        }
    }

    @Test(arguments: [
        Change("another agent") { $0.own["agent_id"] = .text("agent8") },
        Change("no agent") { $0.own["agent_id"] = nil },
        Change("another AI") { $0.aiAssignees = ["agent_fin"] },
        Change("another word") { $0.statusMap[LocalState(.ended, .human)] = .word("completed") },
        Change("no word") { $0.statusMap[LocalState(.open, .none)] = .noStatement },
        Change("no guard") { $0.statusMap.neverOver = [:] },
        Change("a weaker guard") { $0.statusMap.neverOver = ["ai-chatting": ["human-chatting"]] },
        Change("another source") { $0.map("userName", to: "user.id") },
        Change("one field more") { $0.map("leadScore", to: "attributes.score") },
        Change("one field less") { $0.map("tags", to: "none") },
        Change("another path") { $0.paths["update_convo"] = "/v3/agents/{agentId}/convos/{convoId}" },
        Change("another kind") { $0.kind = .voicebot },
    ])
    func `a change of the projection changes the fingerprint`(_ change: Change) {
        #expect(Self.profile(change.apply).adapter.fingerprint != Self.profile().adapter.fingerprint)
    }

    @Test(arguments: [
        Change("another name") { $0.name = "vg_eu" },
        Change("another API version") { $0.own["api_version"] = .text("2.15") },
        Change("other user attributes") { $0.own["user_attributes"] = .texts(["plan"]) },
    ])
    func `any other change keeps the fingerprint`(_ change: Change) {
        #expect(Self.profile(change.apply).adapter.fingerprint == Self.profile().adapter.fingerprint)
    }

    @Test func `the fingerprint does not depend on the order of sets and tables`() {
        let fields = ["leadScore", "lang", "note", "summary", "userPhone", "userAddress", "userCompany", "userWebsite"]
        let agents = (0..<40).map { "agent_\($0)" }
        func build(_ fields: [String], _ agents: [String]) -> String {
            Self.profile { profile in
                for field in fields { profile.map(field, to: "attributes.\(field)") }
                profile.aiAssignees = []
                profile.statusMap.neverOver = ["ai-chatting": []]
                for agent in agents {
                    profile.aiAssignees.insert(agent)
                    profile.statusMap.neverOver["ai-chatting"]?.insert(agent)
                }
            }.adapter.fingerprint
        }
        #expect(build(fields, agents) == build(fields.reversed(), agents.reversed()))
    }

    @Test func `a value with a comma is not the same as a list of two values`() {
        #expect(
            Self.profile { $0.aiAssignees = ["a", "b"] }.adapter.fingerprint
                != Self.profile { $0.aiAssignees = ["a, b"] }.adapter.fingerprint)
    }

    /// The database has these texts: another one for the same configuration would plan every conversation again after an upgrade.
    @Test func `the fingerprint of an unchanged configuration is that of earlier versions`() {
        #expect(
            Self.profile().adapter.fingerprint
                == #"kind=vg;agent=agent9;ai=["agent_fin", "agent_two"];open.ai=ai-chatting;open.none=requested_chat;"#
                + "open.human=human-chatting;resolved.ai=ended_chat;resolved.none=ended_chat;resolved.human=ended_chat;"
                + "closed.ai=ended_chat;closed.none=ended_chat;closed.human=ended_chat;ended.ai=ended_chat;ended.none=ended_chat;"
                + #"ended.human=ended_chat;ai-chatting!["human-chatting", "requested_chat"];tags<-tags;title<-title;"#
                + "userEmail<-user.email;userName<-user.name;"
                + "ai-chatting=>state(SyncCore.LocalStatus.open, SyncCore.InboundMap.OwnerImage.ai);"
                + "completed=>state(SyncCore.LocalStatus.ended, SyncCore.InboundMap.OwnerImage.unchanged);"
                + "ended_chat=>state(SyncCore.LocalStatus.ended, SyncCore.InboundMap.OwnerImage.unchanged);"
                + "human-chatting=>state(SyncCore.LocalStatus.open, SyncCore.InboundMap.OwnerImage.human);"
                + "requested_chat=>state(SyncCore.LocalStatus.open, SyncCore.InboundMap.OwnerImage.named);"
                + #"adopt=["status"];update_convo@/agents/{agentId}/convos/{convoId}"#)
    }

    @Test func `restated defaults keep the fingerprint`() {
        let restated = Profile(
            name: "vg", kind: .vg, statusMap: Kind.vg.vocabulary.outbound, paths: ["update_convo": "/agents/{agentId}/convos/{convoId}"],
            own: [
                "agent_id": .text("agent9"),
                "fields": .table(["title": "title", "tags": "tags", "userEmail": "user.email", "userName": "user.name"]),
            ], aiAssignees: ["agent_two", "agent_fin"])
        #expect(restated.adapter.fingerprint == Self.profile().adapter.fingerprint)
    }
}
