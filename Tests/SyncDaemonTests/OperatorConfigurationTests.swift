import SyncCore
import SyncRemotes
import Testing

@testable import SyncDaemon

/// Commands that only need the database work with a configuration file that has mistakes.
@Suite struct OperatorConfigurationTests {
    private func read(_ text: String) throws -> OperatorConfiguration {
        try OperatorConfiguration(ConfigurationFile.readLeniently(text, directory: "/etc/convosync"))
    }

    private static let minimal = ConfigurationFileTests.minimal

    @Test func `a valid file has no problems, and its enabled remotes are in service`() throws {
        let configuration = try read("\(Self.minimal)\nenabled = false\n")
        #expect(configuration.isValid)
        #expect(configuration.databasePath == "/etc/convosync/convosync.db")
        #expect(configuration.names == ["fin", "helpdesk", "vg", "voicebot"])
        #expect(configuration.disables("vg"))
        #expect(
            configuration.namesInService(known: ["old": "vg"]) == ["fin", "helpdesk", "voicebot"],
            "what is not configured is out of service")
        #expect(configuration.soundRemotes.map(\.name) == ["fin", "helpdesk", "voicebot"])
    }

    @Test func `a file with more than a hundred lines that are not TOML is not read`() throws {
        for (count, isRead) in [(100, true), (101, false)] {
            let text = "\(Self.minimal)\n" + String(repeating: "not toml\n", count: count)
            #expect((try? read(text).databasePath == "/etc/convosync/convosync.db") == (isRead ? true : nil), "\(count)")
        }
    }

    @Test func `with mistakes in keys the database's path is still read, and unreadable remotes are named`() throws {
        let configuration = try read(
            """
            [database]
            path = "convosync.db"
            pathh = "x"
            [schedule]
            interval = 5
            [remotes.helpdesk]
            url = "https://helpdesk.example.com"
            token_file = "t"
            [remotes.vg]
            url = "nonsense"
            token_file = "t"
            [remotes.second]
            kind = "voicebot"
            enabled = false
            [remotes.mine]
            url = "https://mine.example.com"
            [remotes.voicebot]
            url = "https://voicebot.example.com"
            token_file = "t"
            [remotes.voicebot.status]
            open = "doing"
            """)
        #expect(configuration.databasePath == "/etc/convosync/convosync.db")
        #expect(configuration.problems.map(\.path).contains("schedule.interval"))
        #expect(configuration.names == ["helpdesk", "mine", "second", "vg", "voicebot"])
        let known = ["mine": "vg", "old": "vg"]
        #expect(configuration.namesInService(known: known) == ["helpdesk", "mine", "vg", "voicebot"])
        #expect(configuration.disables("second"))
        #expect(configuration.soundRemotes.map(\.name) == ["helpdesk"])
        let rest = configuration.undecidable(known: known)
        #expect(rest.map(\.name) == ["mine", "vg", "voicebot"])
        #expect(rest.map(\.kind) == [.vg, .vg, .voicebot], "the database knows what the file does not say")
    }

    @Test(arguments: [
        "oops", "key = ", "[schedule\ninterval = 5", "a = [1,\n2", "[remotes.vg]\nurl = \"https://other.example.com\"",
        "x = \"\"\"\nabc",
    ])
    func `lines that are not TOML are left out, and the rest is read`(nonsense: String) throws {
        let end = try read("\(Self.minimal)\n\(nonsense)\n")
        #expect(end.databasePath == "/etc/convosync/convosync.db")
        #expect(end.names == ["fin", "helpdesk", "vg", "voicebot"])
        #expect(end.problems.count == 1)
        #expect(end.problems.first?.line ?? 0 > 14, "the line is that of the file as it is")
        #expect(end.namesInService(known: ["old": "vg"]).contains("old"), "what the left out part said is not known")
    }

    @Test(arguments: ["oops", "[log\nformat = 1"])
    func `invalid lines before the table of the database do not hide it`(nonsense: String) throws {
        let configuration = try read("\(nonsense)\n\(Self.minimal)")
        #expect(configuration.databasePath == "/etc/convosync/convosync.db")
        #expect(configuration.names == ["fin", "helpdesk", "vg", "voicebot"])
        #expect(configuration.soundRemotes.count == 4, "what was left out has nothing to do with them")
    }

    @Test func `mistakes in the other lines are reported as well, but not that something is missing where lines are left out`() {
        let text = """
            [database]
            path = "convosync.db"
            [schedule]
            intervall = "1s"
            [remotes.fin]
            url = https://api.intercom.io
            token_env = "FIN_TOKEN"
            concurency = 4
            [remotes.vg]
            url = "https://vg.example.com"
            """
        let reading = ConfigurationFile.readLeniently(text, directory: "/etc/convosync")
        #expect(reading.problems.map(\.line) == [6, 4, 8, 9])
        #expect(reading.problems.map(\.path) == ["", "schedule.intervall", "remotes.fin.concurency", "remotes.vg"])
        #expect(reading.sources.map(\.table) == ["remotes.fin"])
    }

    /// With the remotes that are not used for decisions.
    @Test(
        arguments: [
            ("[listen\naddress = \"127.0.0.1:8480\"\n[remotes.vg.webhook]\nsecret_env = \"S\"", []),
            ("[listen] # calls [of vg]\naddress = oops\n[remotes.vg.webhook]\nsecret_env = \"S\"", []),
            ("[listen]\naddress = \"127.0.0.1:8480\"\n[remotes.vg.webhook\nsecret_env = \"S\"", ["vg"]),
            ("[remotes.vg.status.inbound]\nended_chat = { status = \"open\", owner = \"human\" }\ncompleted = oops", ["vg"]),
            (
                "[remotes.voicebot.status.closed]\nhuman = \"in-progress\"\n[remotes.voicebot.status.inbound]\nin-progress = oops",
                ["voicebot"]
            ),
        ] as [(String, [String])])
    func `that tables do not fit each other is no problem if lines of the other one are left out`(text: String, unsound: [String]) throws {
        let configuration = try read("\(Self.minimal)\n\(text)\n")
        #expect(configuration.problems.map(\.path) == [""], "\(configuration.problems)")
        #expect(configuration.soundRemotes.map(\.name) == ["fin", "helpdesk", "vg", "voicebot"].filter { !unsound.contains($0) })
    }

    @Test func `that nothing listens is no problem if lines above all tables are left out`() throws {
        let configuration = try read("oops\n\(Self.minimal)\n[remotes.vg.webhook]\nsecret_env = \"S\"\n")
        #expect(configuration.problems.map(\.path) == [""])
        #expect(configuration.soundRemotes.count == 4)
    }

    @Test(arguments: [
        ("[remotes.vg.webhook]\nsecret_env = \"S\"", "remotes.vg.webhook"), ("[listen]\naddress = \"127.0.0.1:8480\"", "listen"),
        (
            "[remotes.vg.status.inbound]\nended_chat = { status = \"open\", owner = \"human\" }",
            "remotes.vg.status.inbound.ended_chat"
        ),
    ])
    func `that tables do not fit each other is reported if the lines that are left out belong to neither`(text: String, path: String) throws
    {
        let configuration = try read("\(Self.minimal)\n\(text)\n[log\nformat = 1\n")
        #expect(configuration.problems.map(\.path) == ["", path])
    }

    @Test func `a remote with a mistake in a file that is not TOML is not used for decisions`() throws {
        let configuration = try read("oops\n\(Self.minimal)\n[remotes.vg.status]\nopen = \"doing\"\n")
        #expect(configuration.soundRemotes.map(\.name) == ["fin", "helpdesk", "voicebot"])
    }

    /// As an editor on Windows writes it.
    @Test func `in a file whose lines end with CRLF, problems have lines, and only the lines that are not TOML are left out`() throws {
        let text = "[database]\npath = \"convosync.db\"\noops\n[schedule]\ninterval = 5\n".replacing("\n", with: "\r\n")
        let configuration = try read(text)
        #expect(configuration.databasePath == "/etc/convosync/convosync.db")
        #expect(configuration.problems.map(\.line) == [3, 5])
        let mistaken = try read(text.replacing("oops", with: ""))
        #expect(mistaken.problems.map(\.path) == ["schedule.interval"])
        #expect(mistaken.problems.map(\.line) == [5])
        let beginsTable = try read("[log\r\nformat = 1\r\n[database]\r\npath = \"x.db\"\r\n")
        #expect(beginsTable.databasePath == "/etc/convosync/x.db", "the lines of the broken table are left out with it")
    }

    @Test func `keys below a broken header do not become those of the table above`() {
        #expect(throws: ConfigurationError.self) { try read("[database]\n[other\npath = \"other.db\"\n") }
    }

    @Test func `a remote whose table lost a line is not used for decisions`() throws {
        let configuration = try read("\(Self.minimal)\n[remotes.vg.status]\nopen = \n")
        #expect(configuration.soundRemotes.map(\.name) == ["fin", "helpdesk", "voicebot"])
        #expect(configuration.undecidable(known: [:]).map(\.name) == ["vg"])
    }

    @Test(arguments: ["", "[database]\n", "[database]\npath = 5\n", "[database\npath = \"x.db\"\n", "nonsense"])
    func `without the path of the database all problems are reported as an error`(text: String) {
        #expect(throws: ConfigurationError.self) { try read(text) }
    }
}
