import SyncCore
import SyncRemotes
import Testing

/// The search plays every change by the rule of two-way synchronisation. Its counter-examples are shown to the operator who wrote the map.
@Suite struct RestSearchTests {
    private func remote(_ kind: Kind, _ change: (inout Profile) -> Void = { _ in }) -> any Adapter {
        var profile = Profile(name: kind.name, kind: kind)
        change(&profile)
        return profile.adapter
    }

    @Test func `the default maps reach rest, in every combination`() {
        for choice in 1..<16 {
            let kinds = Kinds.all.enumerated().filter { choice & 1 << $0.offset != 0 }.map(\.element)
            #expect(RestSearch(remotes: kinds.map { remote($0) }).violations() == [])
        }
    }

    /// The configuration is not searched while it has these maps.
    @Test func `the default maps reach rest whichever remotes are adopted from`() {
        for choice in 0..<(1 << Kinds.all.count) {
            let remotes = Kinds.all.enumerated().map { index, kind in
                remote(kind) { $0.adoption.fields = choice & 1 << index != 0 ? Set(kind.adoptable) : [] }
            }
            #expect(!remotes.contains { !$0.hasDefaultMaps })
            #expect(RestSearch(remotes: remotes).violations() == [], "\(choice)")
        }
    }

    @Test func `a changed map, and an assignee that is sent, are searched`() {
        #expect(!remote(.vg) { $0.inboundMap.cells["completed"] = .state(.open, .none) }.hasDefaultMaps)
        #expect(!remote(.vg) { $0.statusMap[LocalState(.open, .ai)] = .noStatement }.hasDefaultMaps)
        #expect(!remote(.vg) { $0.statusMap.neverOver = [:] }.hasDefaultMaps)
        #expect(!remote(.vg) { $0.map("chatAssignedTo", to: "assignee_id") }.hasDefaultMaps)
    }

    @Test func `a spelling of an end that means something open is found, because the end is written repeatedly`() {
        let vg = remote(.vg) { $0.inboundMap.cells["completed"] = .state(.open, .none) }
        let found = RestSearch(remotes: [vg]).violations()
        #expect(found.map(\.law) == [.rest])
        #expect(found.map(\.remote) == ["vg"])
        #expect(found.first?.text.contains("vg `ended_chat`, shown as `completed`") == true)
    }

    @Test func `a counter-example lists all remotes, and names the one whose value was adopted`() {
        let vg = remote(.vg) { $0.inboundMap.cells["completed"] = .state(.open, .none) }
        let found = RestSearch(remotes: [remote(.voicebot), vg]).violations()
        let again = "vg `ended_chat`, shown as `completed` → vg `ended_chat`, shown as `completed`: vg is written more than once"
        #expect(found.first { $0.remote == "vg" }?.text == "open (ai) → resolved → voicebot `done` → \(again)")
        #expect(found.first { $0.remote == "voicebot" }?.text.hasPrefix("voicebot `done` → closed → vg `ended_chat`") == true)
    }

    @Test func `a remote whose changes are not adopted does not have to agree`() {
        let vg = remote(.vg) { vg in
            vg.inboundMap.cells["completed"] = .state(.open, .none)
            vg.adoption.fields = []
        }
        #expect(RestSearch(remotes: [vg, remote(.voicebot)]).violations() == [])
    }

    @Test func `a remote that is sent the assignee gets it when a person takes the conversation`() {
        #expect(remote(.voicebot).isToldUser)
        #expect(!remote(.vg).isToldUser)
        let vg = remote(.vg) { $0.map("chatAssignedTo", to: "assignee_id") }
        #expect(vg.isToldUser)
        #expect(RestSearch(remotes: [vg, remote(.voicebot)]).violations() == [])
    }
}
