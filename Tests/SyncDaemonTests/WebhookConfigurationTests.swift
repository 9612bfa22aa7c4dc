import Fixtures
import Foundation
import SyncCore
import SyncRemotes
import Testing

@testable import SyncDaemon

@Suite struct WebhookConfigurationTests {
    private static let listen = "[listen]\naddress = \"127.0.0.1:8480\"\n"
    private static let remotes = """
        [remotes.fin]
        url = "https://api.intercom.io"
        token_env = "A"
        [remotes.voicebot]
        url = "https://tenant.example.com"
        token_env = "A"

        """

    private func parse(_ text: String) throws(ConfigurationError) -> Configuration {
        try ConfigurationFile.parse("database = { path = \"x.db\" }\n" + text, directory: "/etc/convosync")
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try parse(text)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func `an address and a secret are enough`() throws {
        let text = Self.listen + Self.remotes + "[remotes.fin.webhook]\nsecret_file = \"fin.secret\"\n"
        let configuration = try parse(text)
        #expect(configuration.listen == ListenSettings(address: .tcp(host: "127.0.0.1", port: 8480)))
        #expect(configuration.listen?.maximumBody == 1 << 20)
        #expect(configuration.listen?.rate == RateLimit(calls: 100, period: .seconds(1)))
        #expect(configuration.remotes[0].webhook == WebhookSettings(path: "/hooks/fin", secret: .file(path: "/etc/convosync/fin.secret")))
        #expect(configuration.remotes[1].webhook == nil)
    }

    @Test func `every key can be set`() throws {
        let configuration = try parse(
            """
            [listen]
            address = "unix:/run/convosync/hooks.sock"
            max_body = "64KiB"
            rate = "unlimited"

            """ + Self.remotes + """
                [remotes.voicebot.webhook]
                path = "/in/voicebot"
                secret_credential = "hook"
                signature_header = "X-Hub-Signature"
                id_path = "data.conversation.id"
                """)
        var settings = ListenSettings(address: .unix(path: "/run/convosync/hooks.sock"))
        (settings.maximumBody, settings.rate) = (64 << 10, nil)
        #expect(configuration.listen == settings)
        let remote = configuration.remotes[1]
        #expect(remote.webhook == WebhookSettings(path: "/in/voicebot", secret: .systemd(name: "hook")))
        #expect(remote.profile.own.text("webhook.signature_header") == "X-Hub-Signature")
        #expect(remote.profile.own.text("webhook.id_path") == "data.conversation.id")
    }

    @Test(arguments: [
        ("127.0.0.1:0", "127.0.0.1:0", true), ("[::1]:8480", "[::1]:8480", true), ("localhost:80", "localhost:80", true),
        ("0.0.0.0:8480", "0.0.0.0:8480", false), ("[::]:8480", "[::]:8480", false),
        ("hooks.example.com:8480", "hooks.example.com:8480", false),
        ("unix:hooks.sock", "unix:/etc/convosync/hooks.sock", true),
    ])
    func `an address is read`(text: String, shown: String, isLocal: Bool) throws {
        let address = try ListenAddress.parse(text, directory: "/etc/convosync").get()
        #expect(address.description == shown)
        #expect(address.isLocal == isLocal)
    }

    @Test(arguments: [
        "", "8480", ":8480", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8480", "unix:", "unix:/run/", "a b:80",
        "unix:/" + String(repeating: "x", count: 107),
    ])
    func `an invalid address is refused`(text: String) {
        guard case .failure = ListenAddress.parse(text, directory: "/") else { return #expect(Bool(false), "\(text)") }
    }

    @Test(arguments: [
        ("", "[remotes.fin.webhook]\nsecret_env = \"A\"", "line 8: remotes.fin.webhook: nothing listens for it: add [listen]"),
        (listen, "", "line 2: listen: no remote calls"),
        ("[listen]\n", "[remotes.fin.webhook]\nsecret_env = \"A\"", "line 2: listen.address: is missing"),
        ("[listen]\naddress = 8480\n", "[remotes.fin.webhook]\nsecret_env = \"A\"", "line 3: listen.address: expected a string"),
        (listen + "max_body = 5\n", "[remotes.fin.webhook]\nsecret_env = \"A\"", "line 4: listen.max_body: expected a size"),
        (listen + "rate = \"much\"\n", "[remotes.fin.webhook]\nsecret_env = \"A\"", "line 4: listen.rate: \"much\" is not a rate"),
        (
            listen + "adress = \"x\"\n", "[remotes.fin.webhook]\nsecret_env = \"A\"",
            "line 4: listen.adress: unknown key; did you mean \"address\"?"
        ),
        (listen, "[remotes.fin.webhook]", "line 10: remotes.fin.webhook: has no secret"),
        (
            listen, "[remotes.fin.webhook]\nsecret_env = \"A\"\nsecret_file = \"b\"",
            "line 10: remotes.fin.webhook: names more than one secret"
        ),
        (
            listen, "[remotes.fin.webhook]\nsecret = \"abcabc\"",
            "line 11: remotes.fin.webhook.secret: a secret does not belong into this file"
        ),
        (listen, "[remotes.fin.webhook]\nsecret_env = \"A\"\nid_path = \"id\"", "line 12: remotes.fin.webhook.id_path: has no meaning"),
        (listen, "[remotes.fin.webhook]\nsecret_env = \"A\"\npth = \"/x\"", "line 12: remotes.fin.webhook.pth: unknown key; did you mean"),
        (listen, "[remotes.fin.webhook]\nsecret_env = \"A\"\npath = \"x\"", "line 12: remotes.fin.webhook.path: \"x\" has to begin"),
        (listen, "[remotes.fin.webhook]\nsecret_env = \"A\"\npath = \"/x?y\"", "line 12: remotes.fin.webhook.path: "),
        (
            listen, "[remotes.voicebot.webhook]\nsecret_env = \"A\"\nsignature_header = \"X Y\"",
            "line 12: remotes.voicebot.webhook.signature_header: is not the name of a header"
        ),
        (
            listen, "[remotes.voicebot.webhook]\nsecret_env = \"A\"\nid_path = \"a..b\"",
            "line 12: remotes.voicebot.webhook.id_path: is not a path"
        ),
        (
            listen,
            "[remotes.fin.webhook]\nsecret_env = \"A\"\npath = \"/x\"\n[remotes.voicebot.webhook]\nsecret_env = \"A\"\npath = \"/x\"",
            "line 15: remotes.voicebot.webhook.path: \"/x\" is the path of remotes.fin, too"
        ),
    ])
    func `a mistake is reported with its path and line`(listen: String, webhook: String, expected: String) {
        let found = problems(listen + Self.remotes + webhook)
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
        #expect(!found.joined().contains("abcabc"), "a secret is never repeated")
    }

    @Test func `check warns about an open address and reads the secrets`() async throws {
        let directory = try TemporaryDirectory()
        for (name, mode) in [("token", 0o600), ("open", 0o644)] {
            _ = FileManager.default.createFile(
                atPath: directory.file(name), contents: Data("abc".utf8), attributes: [.posixPermissions: mode])
        }
        let text = """
            database = { path = "x.db" }
            [listen]
            address = "0.0.0.0:8480"
            [remotes.fin]
            url = "https://api.intercom.io"
            token_file = "token"
            webhook = { secret_file = "open" }
            [remotes.vg]
            url = "https://vg.example.com"
            token_file = "token"
            webhook = { secret_file = "missing" }
            """
        try directory.write(text, to: "convosync.toml")
        let findings = await Inspection(configurationPath: directory.file("convosync.toml")).findings()
        func has(_ severity: Inspection.Finding.Severity, _ text: String) -> Bool {
            findings.contains { $0.severity == severity && $0.text.contains(text) }
        }
        #expect(has(.warning, "listen.address 0.0.0.0:8480 can be reached from other machines and speaks no TLS"))
        #expect(has(.ok, "remotes.fin.webhook has a secret"))
        #expect(has(.warning, "open can be read by every user; chmod 0640 keeps the secret private"))
        #expect(has(.problem, "remotes.vg.webhook.secret_file \(directory.path)/missing: the file does not exist"), "\(findings)")
    }
}
