import SyncCore
import SyncRemotes
import Testing

/// The laws of docs/remotes/README.md, "Laws of the maps", over the default maps.
@Suite struct StatusLawTests {
    @Test func `the default maps of all remotes keep every law, alone and together`() {
        let all = RemoteKind.allCases.map { NamedLens(RemoteProfile(name: $0.rawValue, kind: $0)) }
        #expect(StatusLaws.violations(of: all) == [])
        for lens in all { #expect(StatusLaws.violations(of: [lens]) == []) }
    }
}
