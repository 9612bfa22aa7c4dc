import Fixtures
import Sandbox
import Testing

/// Responses that report something as missing: an object that is gone, a gateway's page, a URL with a mistake.
@Suite(.serialized) struct WrongURLTests {
    private func notFound(_ body: SandboxJSON?, status: Int = 404, times: Int? = nil, contentType: String? = nil) -> FaultRule {
        var rule = FaultRule(.status, times: times)
        rule.status = status
        rule.body = body
        if let contentType { rule.headers = ["Content-Type": contentType] }
        return rule
    }

    private static let page: SandboxJSON = "<html><body><h1>404 Not Found</h1></body></html>"

    /// No row was given up: every row waits, and no link is gone.
    private func expectNothingLost(_ scenario: ProgramScenario, _ remotes: [String]) async throws {
        for remote in remotes {
            #expect(
                try await scenario.texts("SELECT DISTINCT state FROM outbox WHERE remote = ?", [remote]) == ["pending"], "\(remote)")
            #expect(
                try await scenario.number("SELECT count(*) FROM remotes WHERE name = ? AND parked_at IS NOT NULL", [remote]) == 1,
                "\(remote)")
            #expect(try await scenario.text("SELECT park_reason FROM remotes WHERE name = ?", [remote])?.hasPrefix("URL wrong?") == true)
        }
        #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 0)
    }

    @Test(arguments: [3, 40])
    func `a wrong base path parks every remote, and with the right one everything is sent`(count: Int) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...count)
            for number in 1...count { try await scenario.addMessage("m\(number)", to: "c\(number)") }
            let right = ScenarioConfiguration.remotes.map { ($0, scenario.sandbox.url(of: $0)) }
            try scenario.configure { file in
                for (name, url) in right { file["remotes.\(name)", "url"] = "\"\(url)/api/wrong\"" }
            }
            try await scenario.sync(expecting: 75)
            try await expectNothingLost(scenario, ScenarioConfiguration.remotes)
            let before = scenario.requestCount()
            #expect(before <= 4 * 12, "\(before) calls, where a few show it")
            // A restart does not forget it, and only single probes are sent then.
            try await scenario.sync(expecting: 75)
            try await expectNothingLost(scenario, ScenarioConfiguration.remotes)
            #expect(try await scenario.number("SELECT max(attempts) FROM outbox") <= 2)
            try scenario.configure { file in
                for (name, url) in right { file["remotes.\(name)", "url"] = "\"\(url)\"" }
            }
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.differences() == [])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE remote = 'fin' AND state = 'delivered'") == count)
            #expect(try await scenario.number("SELECT count(*) FROM remotes WHERE parked_at IS NOT NULL") == 0)
        }
    }

    @Test(arguments: [(404, "text/html"), (404, "text/plain"), (405, "text/html"), (405, "application/json")])
    func `a gateway that has no routes for a while loses nothing`(status: Int, contentType: String) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...20)
            let body: SandboxJSON = contentType == "application/json" ? ["message": "Method Not Allowed"] : Self.page
            for remote in ScenarioConfiguration.remotes {
                try scenario.world.setFaults([notFound(body, status: status, contentType: contentType)], on: remote)
            }
            for number in 1...3 { try await scenario.addMessage("m\(number)", to: "c\(number)") }
            let daemon = try await scenario.startDaemon()
            for remote in ["helpdesk", "fin", "voicebot", "vg"] {
                try await daemon.event("remote.parked") {
                    $0["remote"]?.string == remote && $0["reason"]?.string?.hasPrefix("URL wrong?") == true
                }
            }
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state IN ('dead', 'uncertain')") == 0)
            for remote in ScenarioConfiguration.remotes { try scenario.world.setFaults([], on: remote) }
            #expect(try await scenario.settle())
            #expect(try await scenario.differences() == [])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state <> 'delivered'") == 0)
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 0)
        }
    }

    @Test func `a single page that is not from the API is retried normally`() async throws {
        // A pause is random from zero on: a short one may end within the run.
        try await withScenario({
            $0["retry", "base"] = "\"1h\""
            $0["retry", "cap"] = "\"1h\""
        }) { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([notFound(Self.page, times: 1)], on: "vg")
            let process = try scenario.start(["sync", "--config", scenario.configurationPath])
            #expect(try await process.end().exitCode == 75)
            #expect(process.events("delivery.attempted", remote: "vg").map { $0["outcome"] } == ["retry"])
            #expect(process.events("remote.parked").isEmpty)
            try await scenario.write("UPDATE outbox SET due_at = updated_at WHERE state = 'pending'")
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.text("SELECT state || attempts FROM outbox WHERE remote = 'vg'") == "delivered2")
        }
    }

    @Test(arguments: [#"{"message":"no Route matched with those values"}"#, #"{"message":"Not Found"}"#])
    func `a gateway that responds to everything with a 404 in JSON leaves no link gone`(body: String) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...40)
            try await scenario.sync()
            for remote in ["helpdesk", "voicebot", "vg"] {
                try scenario.world.setFaults([notFound(try SandboxJSON(text: body))], on: remote)
            }
            let daemon = try await scenario.startDaemon()
            try await scenario.write("UPDATE conversations SET status = 'closed', title = 'changed ' || id")
            for remote in ["helpdesk", "voicebot", "vg"] {
                try await daemon.event("remote.parked") { $0["remote"]?.string == remote }
            }
            // Changes meanwhile are not forgotten either.
            try await scenario.write("UPDATE conversations SET status = 'ended' WHERE id IN ('c1', 'c2', 'c3')")
            for remote in ScenarioConfiguration.remotes { try scenario.world.setFaults([], on: remote) }
            #expect(try await eventually { try await scenario.differences() == [] })
            #expect(try await scenario.settle())
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 0)
        }
    }

    @Test func `objects that were all deleted at the remote are gone, because the list shows that the URL is right`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...12)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = Set((1...12).map { "\($0)" }) }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync(expecting: 65)
            #expect(
                try await scenario.number("SELECT count(*) FROM link_state WHERE remote = 'voicebot' AND gone_at IS NOT NULL") == 12)
            #expect(try await scenario.number("SELECT count(*) FROM remotes WHERE parked_at IS NOT NULL") == 0)
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.sync()
            #expect(scenario.requestCount("voicebot") == 0)
            #expect(scenario.requestCount("vg") == 12)
        }
    }

    @Test func `one object that is gone does not park a remote that has no list of conversations`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.voicebot.paths", "list_conversations"] = "\"/no/list\"" }
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = Set(["1"]) }
            // Nothing else is acknowledged meanwhile.
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
            try await scenario.sync(expecting: 65)
            #expect(try await scenario.number("SELECT count(*) FROM remotes WHERE parked_at IS NOT NULL") == 0)
            #expect(try await scenario.texts("SELECT conversation_id FROM link_state WHERE gone_at IS NOT NULL") == ["c1"])
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync()
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE remote = 'voicebot' AND state = 'pending'") == 0)
        }
    }

    @Test func `a helpdesk that knows none of several conversations is parked across restarts, and other conversations continue`()
        async throws
    {
        try await withScenario { scenario in
            var rules: [FaultRule] = []
            for number in 1...3 {
                var rule = notFound(nil)
                rule.conversation = "c\(number)"
                rules.append(rule)
            }
            try scenario.world.setFaults(rules, on: "helpdesk")
            for number in 1...3 {
                try await scenario.addConversations(number...number)
                try await scenario.sync(expecting: number < 3 ? 65 : 75)
            }
            #expect(try await scenario.texts("SELECT DISTINCT state || attempts FROM outbox WHERE remote = 'helpdesk'") == ["pending0"])
            #expect(try await scenario.text("SELECT park_reason FROM remotes WHERE name = 'helpdesk'")?.hasPrefix("URL wrong?") == true)
            // Another conversation shows that the URL is right: then the three are dead.
            try await scenario.addConversations(4...4)
            try await scenario.write("UPDATE outbox SET due_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 day') WHERE remote = 'helpdesk'")
            try await scenario.sync(expecting: 75)
            try await scenario.write("UPDATE outbox SET due_at = created_at WHERE remote = 'helpdesk' AND state = 'pending'")
            try await scenario.sync("--drain", "20", expecting: 65)
            #expect(
                try await scenario.texts("SELECT conversation_id || ' ' || state FROM outbox WHERE remote = 'helpdesk' ORDER BY 1")
                    == ["c1 dead", "c2 dead", "c3 dead", "c4 delivered"])
            #expect(try await scenario.number("SELECT count(*) FROM remotes WHERE parked_at IS NOT NULL") == 0)
        }
    }

    @Test(arguments: ["/wrong", "/agents/a1"])
    func `check --online reports a URL at which nothing is known`(path: String) async throws {
        try await withScenario { scenario in
            let url = scenario.sandbox.url(of: "vg")
            #expect(try await scenario.run("check", "--online").output.contains("accepts the token"))
            try scenario.configure { $0["remotes.vg", "url"] = "\"\(url)\(path)\"" }
            let result = try await scenario.run("check", "--online")
            #expect(result.exitCode != 0)
            #expect(result.output.contains("the path is wrong? Correct remotes.vg.url"), "\(result.output)")
        }
    }

    @Test func `reads that all get a 404 leave the links alone`() async throws {
        try await withScenario({ $0.poll(["voicebot"]) }) { scenario in
            try await scenario.addConversations(1...6)
            try await scenario.sync()
            try scenario.configure { $0["remotes.voicebot.paths", "get_conversation"] = "\"/wrong/{id}\"" }
            for _ in 0..<2 {
                let result = try await scenario.run("sync")
                #expect(result.events("poll.failed").first?["error"]?.string?.contains("see remotes.voicebot.url and paths") == true)
                #expect(result.events("poll.unreadable").isEmpty, "nothing is known about any of them")
            }
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE gone_at IS NOT NULL") == 0)
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }
}
