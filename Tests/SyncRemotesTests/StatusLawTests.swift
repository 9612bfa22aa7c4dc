import SyncCore
import SyncRemotes
import Testing

/// The laws of docs/remotes/README.md, "Laws of the maps", over the default maps.
@Suite struct StatusLawTests {
    @Test func `the default maps of all remotes keep every law, alone and together`() {
        let all = Kinds.all.map { Profile(name: $0.name, kind: $0).adapter }
        #expect(StatusLaws.violations(of: all) == [])
        for remote in all { #expect(StatusLaws.violations(of: [remote]) == []) }
    }
}
