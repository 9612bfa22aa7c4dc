import Fixtures
import Foundation
import SyncCore
import SyncRemotes
import SyncSystem
import Testing

@testable import SyncDaemon

/// What `convosync init` writes.
@Suite struct StarterConfigurationTests {
    private func starter(_ remotes: String...) throws -> StarterConfiguration {
        try StarterConfiguration(
            remotes: remotes.map { try .init($0) }, directory: "/etc/convosync", databasePath: "/var/lib/convosync/convosync.db")
    }

    @Test(arguments: Kinds.all)
    func `every kind alone is a valid configuration`(kind: Kind) throws {
        let configuration = try ConfigurationFile.parse(starter(kind.name).text, directory: "/etc/convosync")
        #expect(configuration.remotes.map(\.kind) == [kind])
        #expect(configuration.remotes.first?.credential == .file(path: "/etc/convosync/\(kind.name).token"))
    }

    @Test func `remotes may have names of their own, and all kinds fit into one file`() throws {
        let text = try starter("helpdesk", "fin", "voicebot", "vg", "sales-eu=vg").text
        let configuration = try ConfigurationFile.parse(text, directory: "/etc/convosync")
        #expect(configuration.remotes.map(\.name) == ["fin", "helpdesk", "sales-eu", "vg", "voicebot"])
        #expect(configuration.databasePath == "/var/lib/convosync/convosync.db")
    }

    @Test func `values that have to be filled in are marked, and check finds them`() throws {
        for remote in try ConfigurationFile.parse(starter("helpdesk", "voicebot", "vg").text, directory: "/").remotes {
            #expect(Inspection.isExample(remote))
        }
        #expect(try starter("fin").text.contains("FILL IN") == false)
        #expect(try starter("vg").text.components(separatedBy: "FILL IN").count == 3)
    }

    /// As a person enables what is commented out.
    private func switchedOn(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") && line != "#" ? String(line.dropFirst()) : String(line)
        }.joined(separator: "\n")
    }

    @Test(arguments: Kinds.all)
    func `reports from every kind can be enabled without changing the lines`(kind: Kind) throws {
        let text = try starter(kind.name).text
        let before = try ConfigurationFile.parse(text, directory: "/etc/convosync")
        #expect(before.listen == nil)
        #expect(before.remotes.first?.webhook == nil)
        #expect(before.remotes.first?.poll == nil)
        let configuration = try ConfigurationFile.parse(switchedOn(text), directory: "/etc/convosync")
        #expect(configuration.listen?.address == .unix(path: "/run/convosync/hooks.sock"))
        let remote = try #require(configuration.remotes.first)
        #expect(remote.webhook?.path == "/hooks/\(kind.name)")
        #expect(remote.webhook?.secret == .file(path: "/etc/convosync/\(kind.name).webhook-secret"))
        #expect((remote.poll != nil) == kind.isReadable)
        #expect((remote.profile.own.text("webhook.id_path") != nil) == (kind == .voicebot))
    }

    @Test func `reports from several remotes can be enabled, and every table has a sentence before it`() throws {
        let text = try starter("helpdesk", "fin", "voicebot", "vg", "sales-eu=vg").text
        let configuration = try ConfigurationFile.parse(switchedOn(text), directory: "/etc/convosync")
        #expect(configuration.remotes.filter { $0.webhook != nil }.count == 5)
        #expect(configuration.remotes.filter { $0.poll != nil }.map(\.name) == ["helpdesk", "sales-eu", "vg", "voicebot"])
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let tables = lines.indices.filter { lines[$0].hasPrefix("#[") }
        #expect(tables.count == 10)
        for index in tables { #expect(lines[index - 1].hasPrefix("# ") && lines[index - 1].contains("."), "\(lines[index])") }
    }

    @Test func `the placeholders that init lists are those that are marked in the file`() throws {
        for kind in Kinds.all {
            let starter = try starter(kind.name)
            #expect(starter.placeholders.count == starter.text.components(separatedBy: "FILL IN").count - 1, "\(kind)")
        }
        #expect(try starter("sales=vg").placeholders == ["remotes.sales.url", "remotes.sales.agent_id"])
    }

    @Test(arguments: ["vgg", "sales=", "=vg", "Sales=vg", "a.b=vg", "a b=vg", ""])
    func `an invalid remote is refused`(text: String) {
        #expect(throws: StarterConfigurationError.self) { try StarterConfiguration.Remote(text) }
    }

    @Test func `a configuration file that cannot be read is named with the commands that make it readable for the service`() throws {
        let service = ServiceIdentity(isRoot: false, user: "convosync", group: "convosync", hasServiceUser: true, hasServiceGroup: true)
        let directory = try TemporaryDirectory()
        try directory.write("", to: "c.toml")
        let path = directory.file("c.toml")
        #expect(
            ConfigurationFile.obstacle(at: path, reader: service)
                == "the configuration file \(path) cannot be read by user convosync: chgrp convosync \(path); chmod 0640 \(path)")
        #expect(ConfigurationFile.obstacle(at: directory.path, reader: service).contains("is a directory"))
        #expect(ConfigurationFile.obstacle(at: directory.file("none"), reader: service).contains("does not exist"))
    }

    @Test func `an existing file is not overwritten, and a new one is not readable for others`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("new/convosync.toml")
        try starter("vg").write(to: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? Int ?? 0o777) & 0o007 == 0)
        #expect(throws: StarterConfigurationError("\(path) exists already and is left as it is; --path writes elsewhere")) {
            try starter("fin").write(to: path)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == starter("vg").text)
    }

    @Test func `folders that root creates belong to the service's group, and so do files created in them later`() throws {
        let directory = try TemporaryDirectory()
        // Root may give a folder to any group, others to their own.
        let group: UInt32 = geteuid() == 0 ? 1 : getegid()
        try starter("vg").write(to: directory.file("new/below/convosync.toml"), group: group)
        for name in ["new", "new/below"] {
            let status = try FileStatus(of: directory.file(name))
            #expect(status.group == group)
            #expect(status.permissions == 0o2750)
        }
        #expect(try FileStatus(of: directory.file("new/below/convosync.toml")).group == group)
    }
}
