import Fixtures
import SyncCore
import SyncRemotes
import Testing

/// Random status maps: whenever ``StatusLaws`` finds nothing, the second implementation finds nothing either.
@Suite struct StatusLawPropertyTests {
    private static let strange = ["paused", "open", "Done", "x"]

    /// The defaults of a kind with some cells changed, some removed and some added.
    private func drawn(_ kind: Kind, name: String, share: Int, _ random: inout SeededGenerator) -> Profile {
        var profile = Profile(name: name, kind: kind)
        let words = kind.vocabulary.writable + Self.strange
        for state in LocalState.all where !kind.vocabulary.writable.isEmpty && random.chance(share) {
            let word = words.randomElement(using: &random) ?? "x"
            profile.statusMap[state] = random.chance(25) ? .noStatement : .word(word)
        }
        for word in kind.vocabulary.readable + Self.strange where random.chance(share) {
            let status = LocalStatus.allCases.randomElement(using: &random) ?? .open
            let owner = InboundMap.OwnerImage.allCases.randomElement(using: &random) ?? .unchanged
            let isStrange = Self.strange.contains(word)
            profile.inboundMap.cells[word] = random.chance(20) ? (isStrange ? .noStatement : nil) : .state(status, owner)
        }
        return profile
    }

    @Test(arguments: [UInt64(901), 902, 903, 904])
    func `one remote whose map passes breaks no law in the second implementation`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lawful = 0
        var found: [StatusLaws.Violation.Law: Int] = [:]
        let cases = 150
        for index in 0..<cases {
            let kind = [Kind.voicebot, .vg, .helpdesk][index % 3]
            let profile = drawn(kind, name: kind.name, share: [3, 8, 20][index / 3 % 3], &random)
            let violations = StatusLaws.violations(of: [profile.adapter])
            for violation in violations { found[violation.law, default: 0] += 1 }
            let hand = LawsByHand.Remote(profile)
            if violations.isEmpty {
                lawful += 1
                #expect(LawsByHand.broken(hand) == [], "seed \(seed), case \(index): \(profile.lens)")
                #expect(LawsByHand.unrest([hand]) == nil, "seed \(seed), case \(index): \(profile.lens)")
            }
            // And vice versa: a law that is broken in the second implementation is reported.
            if !LawsByHand.broken(hand).isEmpty { #expect(!violations.isEmpty, "seed \(seed), case \(index)") }
        }
        print(
            "laws of one map: seed \(seed), \(cases) maps, \(lawful) lawful, violations found \(found.map { "\($0.key.rawValue) \($0.value)" }.sorted())"
        )
        #expect(lawful > 10 && lawful < cases - 10)
    }

    @Test(arguments: [UInt64(911), 912])
    func `among several remotes whose maps pass, one change writes each at most once`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lawful = 0
        let cases = 25
        for index in 0..<cases {
            let profiles = Kinds.all.filter { _ in random.chance(70) }
                .map { drawn($0, name: $0.name, share: 2, &random) }
            guard StatusLaws.violations(of: profiles.map(\.adapter)).isEmpty else { continue }
            lawful += 1
            // Nothing is ever sent to fin, and nothing is known at first: it has no status value to begin from.
            let hand = profiles.filter { !$0.lens.isReadOnly }.map(LawsByHand.Remote.init)
            #expect(LawsByHand.unrest(hand) == nil, "seed \(seed), case \(index): \(profiles.map(\.lens))")
        }
        print("laws of several maps: seed \(seed), \(cases) sets, \(lawful) lawful")
        #expect(lawful > 3)
    }

    // MARK: Broken maps

    private func violations(_ kind: Kind, _ change: (inout Profile) -> Void) -> [StatusLaws.Violation] {
        var profile = Profile(name: kind.name, kind: kind)
        change(&profile)
        return StatusLaws.violations(of: [profile.adapter])
    }

    @Test func `a finished conversation that is sent as unfinished is reported`() {
        let found = violations(.voicebot) { $0.statusMap[LocalState(.closed, .ai)] = .word("to-do") }
        #expect(found.map(\.law) == [.putGet])
        #expect(found.first?.text == "closed → voicebot `to-do` → open (none): the remote would say the opposite")
    }

    @Test func `a finished status value that is read as unfinished is reported`() {
        let found = violations(.voicebot) { $0.inboundMap.cells["done"] = .state(.open, .none) }
        #expect(found.map(\.law) == [.putGet])
        #expect(found.first?.text.contains("`done` → open") == true)
    }

    @Test func `a status value that is sent and cannot be read back is reported`() {
        let found = violations(.voicebot) { $0.inboundMap.cells["in-progress"] = nil }
        #expect(found.map(\.law) == [.totality])
        #expect(found.first?.text.contains("nothing says what `in-progress` means") == true)
    }

    @Test func `another spelling of finished that is read as unfinished is reported`() {
        let found = violations(.vg) { $0.inboundMap.cells["completed"] = .state(.open, .none) }
        #expect(found.map(\.law) == [.getPut])
        #expect(found.first?.text.contains("`ended_chat`, shown as `completed` → open (none)") == true)
    }

    @Test func `a status value for a person that is read back as the AI's is reported`() {
        let found = violations(.vg) { $0.statusMap[LocalState(.open, .human)] = .word("ai-chatting") }
        #expect(found.map(\.law) == [.putGet])
        #expect(found.first?.text.contains("turned into another one") == true)
    }

    @Test func `the search for rest alone finds a map that never reaches rest`() {
        var vg = Profile(name: "vg", kind: .vg)
        vg.inboundMap.cells["completed"] = .state(.open, .none)
        #expect(RestSearch(remotes: [vg.adapter]).violations().map(\.remote) == ["vg"])
        // The second implementation agrees.
        #expect(LawsByHand.unrest([.init(vg)]) != nil)
    }
}
