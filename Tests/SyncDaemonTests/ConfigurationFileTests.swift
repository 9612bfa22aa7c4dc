import Fixtures
import Foundation
import SyncCore
import SyncRemotes
import Testing

@testable import SyncDaemon

@Suite struct ConfigurationFileTests {
    /// The smallest text that configures all four kinds.
    static let minimal = """
        [database]
        path = "convosync.db"
        [remotes.helpdesk]
        url = "https://helpdesk.example.com/api/fin"
        token_file = "helpdesk.token"
        [remotes.fin]
        url = "https://api.intercom.io"
        token_env = "FIN_TOKEN"
        [remotes.voicebot]
        url = "https://tenant.example.com/third-party/v1/"
        token_credential = "voicebot"
        [remotes.vg]
        url = "https://vg.example.com"
        token_file = "/etc/convosync/vg.token"
        """

    private func problems(_ text: String) -> [ConfigurationError.Problem] {
        do {
            _ = try ConfigurationFile.parse(text, directory: "/etc/convosync")
            return []
        } catch {
            return error.problems
        }
    }

    @Test func `a few lines are enough, and all other keys have defaults`() throws {
        let configuration = try ConfigurationFile.parse(Self.minimal, directory: "/etc/convosync")
        #expect(configuration.databasePath == "/etc/convosync/convosync.db")
        #expect(configuration.remotes.map(\.name) == ["fin", "helpdesk", "vg", "voicebot"])
        #expect(configuration.remotes.map(\.kind) == [.fin, .helpdesk, .vg, .voicebot])
        #expect(configuration.remotes[3].url == "https://tenant.example.com/third-party/v1", "no slash at the end")
        #expect(configuration.remotes[1].credential == .file(path: "/etc/convosync/helpdesk.token"))
        #expect(configuration.remotes[3].credential == .systemd(name: "voicebot"))
        #expect(configuration.retry == RetryPolicy())
        #expect(configuration.assignees == .init(ai: ["agent_fin"]))
    }

    @Test(arguments: ["", " ", "/", "/var/lib/convosync/", "data/"])
    func `a database without the name of a file is reported with its line`(path: String) {
        let found = problems(Self.minimal.replacing("\"convosync.db\"", with: "\"\(path)\""))
        #expect(found.map(\.description) == ["line 2: database.path: has to be the path of a file"])
    }

    /// The folder is empty for a configuration in the current one.
    @Test(arguments: [
        (":memory:", "", "./:memory:"), ("file:x.db?mode=memory", "", "./file:x.db?mode=memory"), (":memory:", "/srv", "/srv/:memory:"),
        ("x.db", "", "x.db"),
    ])
    func `a path that SQLite would take for something else is that of a file`(path: String, folder: String, resolved: String) throws {
        let text = Self.minimal.replacing("\"convosync.db\"", with: "\"\(path)\"")
        #expect(try ConfigurationFile.parse(text, directory: folder).databasePath == resolved)
    }

    private var exampleURL: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("config/convosync.toml")
    }

    @Test func `the example file contains the defaults`() throws {
        let example = try String(contentsOf: exampleURL, encoding: .utf8)
        let shown = try ConfigurationFile.parse(example, directory: "/etc/convosync")
        let plain = try ConfigurationFile.parse(
            """
            [database]
            path = "/var/lib/convosync/convosync.db"
            [remotes.helpdesk]
            url = "https://helpdesk.example.com/api/fin"
            token_file = "/etc/convosync/helpdesk.token"
            [remotes.fin]
            url = "https://api.intercom.io"
            token_file = "/etc/convosync/fin.token"
            api_version = "2.14"
            [remotes.voicebot]
            url = "https://tenant.example.com/third-party/v1"
            token_file = "/etc/convosync/voicebot.token"
            [remotes.vg]
            url = "https://vg.example.com"
            token_file = "/etc/convosync/vg.token"
            agent_id = "agent-1"
            """, directory: "/etc/convosync")
        #expect(shown == plain)
    }

    @Test func `the example file shows every key`() throws {
        let example = try String(contentsOf: exampleURL, encoding: .utf8)
        let shown = Set(
            example.split(separator: "\n").flatMap { line in
                line.split { " {,=#[]".contains($0) }.map(String.init)
            })
        for path in try ConfigurationFile.knownKeys(example) {
            let key = String(path.split(separator: ".").last ?? "")
            let isShown = shown.contains(key) || example.contains(".\(key)]") || example.contains("[\(key)]")
            #expect(
                isShown || ["token", "fields", "status", "outcomes", "breaker", "paths", "remotes"].contains(key), "\(path) is not shown")
        }
    }

    @Test func `all mistakes are reported at once, with path and line`() {
        let found = problems(
            """
            [database]
            pth = "x.db"
            [schedule]
            interval = 30
            [retry]
            base = "10m"
            cap = "1m"
            max_attempts = 0
            [remotes.vg]
            url = "ftp://vg.example.com"
            token = "secret-secret-secret"
            concurency = 4
            [remotes.vg.status]
            ended = "ended-chat"
            [remotes.other]
            url = "https://other.example.com"
            """)
        let lines = found.map(\.description)
        let expected = [
            "line 1: database.path: is missing", "line 2: database.pth: unknown key; did you mean \"path\"?",
            "line 4: schedule.interval: expected a duration", "line 7: retry.cap: 1m is shorter",
            "line 8: retry.max_attempts: 0 is out of range",
            "line 10: remotes.vg.url: has to begin with https://", "line 11: remotes.vg.token: a token does not belong",
            "line 12: remotes.vg.concurency: unknown key; did you mean \"concurrency\"?",
            "line 14: remotes.vg.status.ended: \"ended-chat\" is not a status of vg", "line 15: remotes.other.kind: is missing",
        ]
        for text in expected { #expect(lines.contains { $0.hasPrefix(text) }, "\(text) — in \(lines)") }
        #expect(!lines.joined().contains("secret-secret"), "a token is never repeated")
    }

    @Test(arguments: ["kind", "rate", "conflict"])
    func `a token in the place of another value is not repeated`(key: String) {
        let lines = problems(Self.minimal + "\n\(key) = \"secret-secret-secret\"").map(\.description)
        #expect(lines.contains { $0.hasPrefix("line 15: remotes.vg.\(key): a string is not ") }, "\(lines)")
        #expect(!lines.joined().contains("secret-secret"))
    }

    /// The database and TOML distinguish the two spellings, Swift's strings do not.
    @Test func `a remote's name that differs from another one only in Unicode normalization is refused, with its line`() throws {
        func tables(_ names: String...) -> String {
            "[database]\npath = \"x.db\"\n"
                + names.map { "[remotes.\"\($0)\"]\nkind = \"vg\"\nurl = \"https://vg.example.com\"\ntoken_file = \"t\"" }
                .joined(separator: "\n")
        }
        let found = problems(tables("caf\u{E9}", "tea", "cafe\u{301}"))
        // `e` comes before `é` in the order of the bytes.
        #expect(found.map(\.line) == [3], "\(found)")
        #expect(found.first?.description.contains("has the name of another remote") == true, "\(found)")
        #expect(try ConfigurationFile.parse(tables("caf\u{E9}", "cafe"), directory: "/").remotes.count == 2)
        let lenient = try OperatorConfiguration.parse(tables("caf\u{E9}", "tea", "cafe\u{301}"), directory: "/")
        #expect(lenient.soundRemotes.map(\.name) == ["tea"], "which of both is meant is not known")
    }

    @Test func `a problem is one bounded line, whatever the names in the file are`() {
        let name = #"\n\u001b[31m"# + String(repeating: "x", count: 5000)
        let lines = problems("[database]\npath = \"c.db\"\n[remotes.\"\(name)\"]\n\"\(name)\" = 1").map(\.description)
        #expect(lines.count >= 2)
        for line in lines {
            #expect(line.count <= 1000)
            #expect(line.onOneLine.hasSameBytes(as: line), "no control characters")
        }
        #expect(lines.map(\.count).max() == 1000)
    }

    @Test(arguments: [
        ("rate = \"fast\"", "rate"), ("token_env = \"B\"", "more than one token"), ("timeouts = { total = \"6m\" }", "timeouts.total"),
        ("timeouts = { first_byte = \"40s\" }", "timeouts.first_byte: 40s is longer than total, 30s"),
        ("timeouts = { total = \"10s\", connect = \"11s\" }", "timeouts.connect: 11s is longer"),
        ("timeouts = { total = \"10s\", read = \"10001ms\", first_byte = \"10s\" }", "timeouts.read: 10s1ms is longer"),
        ("outcomes = { dead = [500], retry = [500] }", "stands under"), ("outcomes = { dead = [200] }", "300 to 599"),
        ("agent_id = \"a\"", "has no meaning"), ("api_version = \"2.14\"", "has no meaning"),
        ("fields = { title = \"title\" }", "has no meaning"),
        ("paths = { update_conversation = \"x/{id}\" }", "slash"), ("paths = { update_conversation = \"/c\" }", "{id}"),
        ("status = { open = 5 }", "expected"), ("status = { open = { ai = \"busy\" } }", "not a status of voicebot"),
        ("max_response_size = \"4MB\"", "size with a unit"), ("breaker = { pause = \"10m\" }", "max_pause"),
        ("enabled = \"yes\"", "true or false"),
        ("concurrency = 0", "1 to 256"), ("concurrency = 257", "1 to 256"), ("probe_interval = \"999ms\"", "at least 1s"),
        ("breaker = { min_sample = 100001 }", "1 to 100000"), ("breaker = { failure_percent = 101 }", "1 to 100"),
        ("breaker = { window = \"999ms\" }", "at least 1s"), ("breaker = { pause = \"9ms\" }", "at least 10ms"),
        ("timeouts = { connect = \"9ms\" }", "at least 10ms"), ("poll = { interval = \"999ms\" }", "at least 1s"),
        ("poll = { interval = \"1s\", pages = 101 }", "1 to 100"), ("poll = { interval = \"1s\", rotate = 1001 }", "0 to 1000"),
    ])
    func `an invalid value is reported with the values that are allowed`(line: String, expected: String) {
        let found = problems(
            """
            database = { path = "x.db" }
            [remotes.voicebot]
            url = "https://tenant.example.com"
            token_env = "A"
            """.replacing(
                "token_env = \"A\"", with: line.hasPrefix("token_env") ? "token_file = \"a\"\n\(line)" : "token_env = \"A\"\n\(line)"))
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.description.contains(expected) == true, "\(found)")
    }

    @Test(arguments: [#""2.14\r\nX: 1""#, #""2.14\u0007""#, #"" 2.14""#, #""2.14 ""#, #""2.1é""#, #""\t""#])
    func `a version that cannot be the value of a header is reported with its line`(value: String) {
        let found = problems(
            """
            database = { path = "x.db" }
            [remotes.fin]
            url = "https://fin.example.com"
            token_env = "A"
            api_version = \(value)
            """)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.description.hasPrefix("line 5: remotes.fin.api_version: cannot be the value of a header") == true, "\(found)")
    }

    @Test(arguments: [
        ("schedule", "interval = \"999ms\"", "at least 1s"), ("schedule", "stall = \"99ms\"", "at least 100ms"),
        ("log", "repeats = 0", "1 to 1000000"), ("log", "repeats = 1000001", "1 to 1000000"),
        ("retry", "max_attempts = 10001", "1 to 10000"), ("retry", "max_age = \"999ms\"", "at least 1s"),
        ("brake", "touch_percent = 101", "0 to 100"), ("brake", "finish_min = 1000000001", "0 to 1000000000"),
        ("retention", "max_age = \"59m\"", "at least 1h"), ("retention", "max_rows = 1000000001", "0 to 1000000000"),
        ("retention", "dead_age = \"23h\"", "at least 1d"),
    ])
    func `a value out of its range is reported with the range`(table: String, line: String, expected: String) {
        let found = problems("database = { path = \"x.db\" }\n[\(table)]\n\(line)")
        #expect(found.contains { $0.path.hasPrefix("\(table).") && $0.description.contains(expected) }, "\(found)")
    }

    /// A file of an earlier version: the line of the table, once, whatever it contains.
    @Test(arguments: [
        ("[remotes.vg.retry_budget]\npercent = 20\nmin_per_second = 10", 5), ("retry_budget = { percent = 20 }", 5),
        ("retry_budget.percent = 20", 5), ("retry_budget = 7", 5),
    ])
    func `a table that only earlier versions had is reported with its line and a solution`(text: String, line: Int) {
        let found = problems(
            "database = { path = \"x\" }\n[remotes.vg]\nurl = \"https://vg.example.com\"\ntoken_env = \"A\"\n\(text)\n")
        #expect(found.map(\.path) == ["remotes.vg.retry_budget"])
        #expect(found.first?.line == line && found.first?.message == "has no effect any more; delete it", "\(found)")
    }

    @Test(arguments: [
        ("leadScore = \"attributes.lead_score\"", nil), ("leadscore = \"title\"", "did you mean \"leadScore\""),
        ("state = \"status\"", "status map"), ("title = \"name\"", "not a local value"), ("title = \"none\"", nil),
    ])
    func `vg fields are checked against the vendor's document`(line: String, expected: String?) {
        let found = problems(
            "database = { path = \"x\" }\n[remotes.vg]\nurl = \"https://vg.example.com\"\ntoken_env = \"A\"\n[remotes.vg.fields]\n\(line)")
        #expect(found.isEmpty == (expected == nil), "\(found)")
        if let expected { #expect(found.first?.description.contains(expected) == true, "\(found)") }
    }

    @Test func `status values and guards can be overridden`() throws {
        let configuration = try ConfigurationFile.parse(
            Self.minimal + """

                [remotes.vg.status]
                ended = "completed"
                open = { none = "none" }
                never_over = { ai-chatting = [] }
                """, directory: "/")
        let map = try #require(configuration.remotes.first { $0.name == "vg" }).profile.statusMap
        #expect(map[LocalState(.ended, .ai)] == .word("completed"))
        #expect(map[LocalState(.closed, .ai)] == .word("ended_chat"))
        #expect(map[LocalState(.open, .none)] == .noStatement)
        #expect(map.word(for: LocalState(.open, .ai), over: "human-chatting") == "ai-chatting")
    }

    @Test func `text that is not TOML is reported with its line`() {
        let found = problems("[database]\npath = \"x.db\"\n[schedule\n")
        #expect(found.count == 1)
        #expect(found.first?.line == 3)
    }

    @Test(arguments: ["#\0", "\0\0", "[log]\nlevel = \"debug\" \0"])
    func `a file that ends with NUL bytes is refused, because what follows them would be missing`(rest: String) {
        let found = problems(Self.minimal + "\n\(rest)\n[remotes.sales]\nkind = \"vg\"")
        let line = 15 + rest.utf8.count { $0 == UInt8(ascii: "\n") }
        #expect(
            found.map(\.description) == [
                "line \(line): the file is not valid TOML: there is a NUL byte, as in a file that was not written to its end"
            ])
    }

    @Test func `a table that is there twice is named, however long its name is`() {
        let found = problems(Self.minimal + "\n[remotes.helpdesk.status.inbound]\n[remotes.helpdesk.status.inbound]")
        #expect(found.count == 1 && found.first?.description.contains("remotes.helpdesk.status.inbound") == true, "\(found)")
    }

    @Test(arguments: ["0x9", "0o11", "0b1001", "9", "+9"]) func `a number may have any form that TOML knows`(number: String) throws {
        let configuration = try ConfigurationFile.parse(Self.minimal + "\nconcurrency = \(number)", directory: "/")
        #expect(configuration.remotes[2].limits.connections == 9)
    }

    @Test(arguments: [
        ("http://127.0.0.1:0/x", "the port of the URL is not a number from 1 to 65535"),
        ("http://127.0.0.1:65536", "the port of the URL is not a number from 1 to 65535"),
        ("https://vg.example.com:4294967376/x", "the port of the URL is not a number from 1 to 65535"),
    ])
    func `a URL that cannot be called is a problem of its key`(url: String, expected: String) {
        let found = problems(Self.minimal.replacing("https://vg.example.com", with: url))
        #expect(found.map(\.description) == ["line 13: remotes.vg.url: cannot be called: \(expected)"])
    }

    @Test(arguments: ["nan", "inf", "-inf", "2026-01-31", "2026-01-31T09:30:00Z", "8.5", "09:30:00"])
    func `a value that is not a number is a problem of its key`(value: String) {
        let found = problems(Self.minimal + "\nconcurrency = \(value)")
        #expect(found.count == 1)
        #expect(found.first?.description.hasPrefix("line 15: remotes.vg.concurrency: expected a whole number, found ") == true, "\(found)")
    }

    @Test(arguments: ["\"\"", "\" \""]) func `a remote without a name is refused`(name: String) {
        let found = problems(Self.minimal + "\n[remotes.\(name)]\nkind = \"helpdesk\"")
        #expect(found.map(\.path) == ["remotes"] && found.first?.line == 15, "\(found)")
    }

    @Test(arguments: [
        ("", [5, 15, 15, 30]), ("total = \"3s\"", [3, 3, 3, 3]), ("read = \"7s\"", [5, 7, 7, 30]),
        ("first_byte = \"25s\"", [5, 25, 15, 30]), ("first_byte = \"2s\", read = \"4s\", total = \"10s\"", [5, 2, 4, 10]),
    ])
    func `time-outs that are not configured fit those that are`(keys: String, expected: [Int64]) throws {
        let text = "database = { path = \"x\" }\n[remotes.fin]\nurl = \"https://a.example.com\"\ntoken_env = \"A\"\ntimeouts = { \(keys) }"
        let limits = try #require(try ConfigurationFile.parse(text, directory: "/").remotes.first).limits
        let spans = [limits.connectTimeout, limits.firstByteTimeout, limits.readTimeout, limits.totalTimeout]
        #expect(spans.map { $0.milliseconds / 1000 } == expected)
    }

    @Test func `a lease is longer than two calls`() throws {
        for remote in try ConfigurationFile.parse(Self.minimal, directory: "/").remotes {
            #expect(remote.leaseDuration == remote.limits.totalTimeout * 2 + .seconds(30))
        }
    }
}

@Suite struct CredentialTests {
    @Test func `a token is read without the line break at its end`() throws {
        let credential = try CredentialSource.environment(variable: "T").read(environment: ["T": " abc.DEF-1\n"])
        #expect(credential.token == "abc.DEF-1")
        #expect("\(credential)" == "[token]", "it does not print itself")
    }

    @Test(arguments: ["", " \n", "two words", "line\nbreak", "ümlaut"])
    func `an invalid token is refused without repeating it`(value: String) throws {
        let refusal = try #require(throws: CredentialError.self) {
            try CredentialSource.environment(variable: "T").read(environment: ["T": value])
        }
        #expect(refusal.reason.hasPrefix("token_env T: "))
        #expect(value.isEmpty || value == " \n" || !refusal.reason.contains(value))
    }

    @Test func `a missing credential is named`() throws {
        let file = try #require(throws: CredentialError.self) {
            try CredentialSource.file(path: "/nonexistent/token").read(environment: [:])
        }
        #expect(file.reason == "token_file /nonexistent/token: the file does not exist")
        let folder = try #require(throws: CredentialError.self) { try CredentialSource.file(path: "/etc").read(environment: [:]) }
        #expect(folder.reason == "token_file /etc: the file is a directory")
        let systemd = try #require(throws: CredentialError.self) { try CredentialSource.systemd(name: "vg").read(environment: [:]) }
        #expect(systemd.reason.contains("CREDENTIALS_DIRECTORY"))
    }
}

/// A token in the place of the name of a file, a credential or a variable is not repeated.
@Suite struct MisplacedTokenTests {
    static let tokens = [
        "dG9rOjEyMzQ1Njc4OTBhYmNkZWYxMjM0NTY3ODkwYWI=", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "3f2a91c07b3e5d4488aa3f2a91c07b3e", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "dG9rOjEyMzQ1Njc4OTBhYmNk/ZWYxMjM0+NTY3",
        "token with spaces in it", "9tokenthatbeginswithadigit",
    ]

    private func text(_ line: String) -> String {
        "database = { path = \"x.db\" }\n[remotes.vg]\nurl = \"https://vg.example.com\"\n\(line)\n"
    }

    private func problems(_ line: String) -> [String] {
        do {
            _ = try ConfigurationFile.parse(text(line), directory: "/nonexistent")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test(arguments: [
        "token = 48151623421081516234", "token = 0xdeadbeefdeadbeefdead", "token_file = 984375984375984375",
        "concurrency = 984375984375984375",
        "token_env = 1e984375984375984375", "token_file = '984375984375984375",
    ])
    func `a token of digits is not shown either`(line: String) {
        let found = problems(line)
        #expect(!found.isEmpty)
        for problem in found {
            #expect(!problem.contains("4375984375") && !problem.contains("162342108") && !problem.contains("beefdead"), "\(problem)")
        }
    }

    @Test(arguments: ["", " "]) func `the name of a file may not be empty`(name: String) {
        #expect(problems("token_file = \"\(name)\"") == ["line 4: remotes.vg.token_file: is empty: it names the file that holds the token"])
    }

    @Test(arguments: tokens)
    func `neither the configuration nor what reads and explains it shows the token`(token: String) async throws {
        let directory = try TemporaryDirectory()
        for key in ["token_env", "token_credential", "token_file"] {
            try directory.write(text("\(key) = \"\(token)\""), to: "convosync.toml")
            let findings = await Inspection(configurationPath: directory.file("convosync.toml")).findings()
            #expect(findings.contains { $0.severity != .ok && $0.text.contains(key) }, "\(findings)")
            for finding in findings {
                #expect(!finding.text.contains(token), "\(finding.text)")
                #expect(finding.hint?.contains(token) != true, "\(finding.hint ?? "")")
            }
        }
    }

    @Test(arguments: [
        ("token_env = \"not-a-variable\"", "line 4: remotes.vg.token_env: is not the name of an environment variable"),
        ("token_env = \"\"", "line 4: remotes.vg.token_env: is not the name of an environment variable"),
        ("token_credential = \"a/b\"", "line 4: remotes.vg.token_credential: is not the name of a systemd credential"),
        ("token_credential = \"..\"", "line 4: remotes.vg.token_credential: is not the name of a systemd credential"),
        ("token_file = \"3f2a91c07b3e5d4488aa3f2a91c07b3e\"", "line 4: remotes.vg.token_file: names no file that is there"),
    ])
    func `a value that cannot be a name is a problem with its line`(line: String, expected: String) {
        let found = problems(line)
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
    }

    @Test(arguments: [
        "token_env = \"CONVOSYNC_HELPDESK_TOKEN\"", "token_env = \"vgToken\"", "token_credential = \"remote_helpdesk-2\"",
        "token_file = \"vg.token\"", "token_file = \"secrets/production/vg.token\"",
        "token_file = \"/etc/convosync/the-token-of-the-helpdesk.token\"",
    ])
    func `names are taken as they are`(line: String) {
        #expect(problems(line) == [])
    }

    @Test func `a long name of a file is one if there is such a file`() throws {
        let directory = try TemporaryDirectory()
        let name = "the-token-of-the-voice-agent"
        let text = text("token_file = \"\(name)\"")
        #expect(throws: ConfigurationError.self) { try ConfigurationFile.parse(text, directory: directory.path) }
        try directory.write("abc", to: name)
        let configuration = try ConfigurationFile.parse(text, directory: directory.path)
        #expect(configuration.remotes.first?.credential == .file(path: directory.file(name)))
    }

    @Test func `a usual name is shown, so that it can be found`() throws {
        let variable = try #require(throws: CredentialError.self) {
            try CredentialSource.environment(variable: "CONVOSYNC_HELPDESK_TOKEN").read(environment: [:])
        }
        #expect(variable.reason == "token_env CONVOSYNC_HELPDESK_TOKEN: the variable is not set")
        let other = try #require(throws: CredentialError.self) {
            try CredentialSource.environment(variable: "sk_live_4eC39HqLyjWDarjtT1zdp7dc").read(environment: [:])
        }
        #expect(other.reason == "token_env: the variable is not set")
        let credential = try #require(throws: CredentialError.self) {
            try CredentialSource.systemd(name: "remote_helpdesk-2").read(environment: ["CREDENTIALS_DIRECTORY": "/nonexistent"])
        }
        #expect(credential.reason == "token_credential remote_helpdesk-2: the file does not exist")
    }
}
