import Testing

@testable import SyncDaemon

/// A status map that contradicts itself is reported at the line that has to be corrected.
@Suite struct ContradictionLineTests {
    private func problems(_ tables: String) -> [ConfigurationError.Problem] {
        let text = """
            [database]
            path = "x.db"
            [remotes.vg]
            url = "https://vg.example.com"
            token_env = "A"
            agent_id = "a"
            [remotes.voicebot]
            url = "https://voicebot.example.com"
            token_env = "A"
            # line 10
            \(tables)
            """
        do {
            _ = try ConfigurationFile.parse(text, directory: "/etc/convosync")
            return []
        } catch {
            return error.problems
        }
    }

    @Test func `a contradiction is reported at its line in an inbound table, whatever other tables the remote has`() {
        let found = problems(
            """
            [remotes.vg.status.inbound]
            "not yet" = "none"
            ended_chat = { status = "open", owner = "human" }
            [remotes.vg.poll]
            interval = "60s"
            """)
        #expect(found.map(\.path) == ["remotes.vg.status.inbound.ended_chat"], "\(found)")
        #expect(found.map(\.line) == [13], "\(found)")
        #expect(found.first?.message.hasPrefix("contradicts itself") == true)
    }

    @Test func `a quoted value with spaces and dots has its own line`() {
        let found = problems(
            """
            [remotes.vg.status.inbound]
            "On Hold. Later" = { status = "opened" }
            [remotes.vg.status.inbound.'to do']
            status = "closing"
            """)
        #expect(found.map(\.line) == [12, 14], "\(found)")
    }

    @Test(arguments: [
        ("[remotes.voicebot.status]\nopen = \"to-do\"\nclosed = \"in-progress\"", 13),
        ("[remotes.voicebot.status]\nclosed = { ai = \"in-progress\", none = \"done\", human = \"done\" }", 12),
        ("[remotes.voicebot.status.closed]\nhuman = \"in-progress\"", 12),
    ])
    func `a contradiction is reported at its line in an outbound table`(tables: String, line: Int) {
        let found = problems(tables)
        #expect(found.map(\.path).allSatisfy { $0 == "remotes.voicebot.status" })
        #expect(found.map(\.line).contains(line), "\(found)")
    }
}
