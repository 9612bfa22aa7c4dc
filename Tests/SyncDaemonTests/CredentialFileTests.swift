import SyncSystem
import Testing

@testable import SyncDaemon

/// What a check of a credential's file means.
@Suite struct CredentialFileTests {
    private static let first = Credential(token: "first")
    private static let second = Credential(token: "second")
    /// Two files that exist everywhere stand for two versions of one.
    private let before: FileStatus?
    private let after: FileStatus?

    init() throws {
        before = try FileStatus(of: "/")
        after = try FileStatus(of: "/proc")
    }

    /// What checks of one file find, in order, while `first` is in force.
    private func findings(_ checks: (status: FileStatus?, token: Credential?)...) -> [CredentialFile.Finding] {
        var file = CredentialFile()
        return checks.map { status, token in
            file.check(status, inForce: Self.first) { () throws(CredentialError) in
                guard let token else { throw Self.error }
                return token
            }
        }
    }

    private static let error = CredentialError("is empty")

    @Test func `the first check adopts a credential that was replaced since it was read, and no other`() {
        #expect(findings((before, Self.first)) == [.unchanged])
        #expect(findings((before, Self.second)) == [.replaced(Self.second)])
    }

    @Test func `a file with the same status is not read`() {
        #expect(findings((before, Self.first), (before, Self.second)) == [.unchanged, .unchanged])
    }

    @Test func `a replaced file has a new credential, or the same one that is to be tried again`() {
        #expect(
            findings((before, Self.first), (after, Self.first), (before, Self.second)) == [
                .unchanged, .writtenAgain, .replaced(Self.second),
            ])
    }

    @Test func `a file without a credential is checked again, then rejected once`() {
        #expect(
            findings((before, Self.first), (nil, nil), (nil, nil), (nil, nil), (after, nil)) == [
                .unchanged, .incomplete, .rejected(Self.error), .unchanged, .incomplete,
            ])
    }

    @Test func `a file that is still being written is not rejected, and is in force when it is complete`() {
        #expect(
            findings((before, Self.first), (nil, nil), (after, nil), (after, Self.second)) == [
                .unchanged, .incomplete, .incomplete, .replaced(Self.second),
            ])
    }
}
