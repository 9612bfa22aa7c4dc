import Foundation
import SyncCore
import SyncRemotes
import Testing

@testable import SyncDaemon

/// What `convosync init` writes.
@Suite struct StarterConfigurationTests {
    private func starter(_ remotes: String...) throws -> StarterConfiguration {
        try StarterConfiguration(
            remotes: remotes.map { try .init($0) }, directory: "/etc/convosync", databasePath: "/var/lib/convosync/convosync.db")
    }

    @Test(arguments: RemoteKind.allCases)
    func `every kind alone is a valid configuration`(kind: RemoteKind) throws {
        let configuration = try ConfigurationFile.parse(starter(kind.rawValue).text, directory: "/etc/convosync")
        #expect(configuration.remotes.map(\.kind) == [kind])
        #expect(configuration.remotes.first?.credential == .file(path: "/etc/convosync/\(kind.rawValue).token"))
    }

    @Test func `names of one's own, and all together`() throws {
        let text = try starter("helpdesk", "fin", "voicebot", "vg", "sales-eu=vg").text
        let configuration = try ConfigurationFile.parse(text, directory: "/etc/convosync")
        #expect(configuration.remotes.map(\.name) == ["fin", "helpdesk", "sales-eu", "vg", "voicebot"])
        #expect(configuration.databasePath == "/var/lib/convosync/convosync.db")
    }

    @Test func `what is left to fill in is marked, and check finds it`() throws {
        for remote in try ConfigurationFile.parse(starter("helpdesk", "voicebot", "vg").text, directory: "/").remotes {
            #expect(Inspection.isExample(remote))
        }
        #expect(try starter("fin").text.contains("FILL IN") == false)
        #expect(try starter("vg").text.components(separatedBy: "FILL IN").count == 3)
    }

    @Test(arguments: ["vgg", "sales=", "=vg", "Sales=vg", "a.b=vg", "a b=vg", ""])
    func `what is not a remote is refused`(text: String) {
        #expect(throws: Refusal.self) { try StarterConfiguration.Remote(text) }
    }

    @Test func `nothing is overwritten, and others cannot read it`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("new/convosync.toml").path
        try starter("vg").write(to: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? Int ?? 0o777) & 0o007 == 0)
        #expect(throws: Refusal("\(path) exists already and is left as it is; --path writes elsewhere")) {
            try starter("fin").write(to: path)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == starter("vg").text)
    }
}
