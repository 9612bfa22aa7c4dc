import Sandbox
import Testing

/// `check --online`: what a response, or its absence, shows about url, paths and token, and what to do about it.
@Suite(.serialized) struct CheckOnlineTests {
    /// The findings about one remote.
    private struct Found {
        var exitCode: Int32
        var severity: String
        var text: String
        var hint: String
    }

    private func check(_ remote: String, _ scenario: ProgramScenario) async throws -> Found {
        let result = try await scenario.run("check", "--online", "--json")
        let findings = try result.json["findings"]?.array ?? []
        let finding = try #require(
            findings.last { $0["text"]?.string?.hasPrefix("remotes.\(remote), asked with") == true }, "\(result.output)")
        #expect(!result.output.contains("sandbox-token"))
        return Found(
            exitCode: result.exitCode, severity: finding["severity"]?.string ?? "", text: finding["text"]?.string ?? "",
            hint: finding["hint"]?.string ?? "")
    }

    @Test(arguments: [
        (401, "problem", "refuses the token: HTTP 401", "put the right token into", Int32(78)),
        (403, "problem", "refuses the token: HTTP 403", "put the right token into", 78),
        (404, "problem", "says that this does not exist: HTTP 404", "the path is wrong? Correct remotes.vg.url (http", 75),
        (405, "problem", "says that this does not exist: HTTP 405", "remotes.vg.paths.list_convos (/agents/{agentId}/convos)", 75),
        (301, "problem", "redirects: HTTP 301", "set url to where it redirects to", 75),
        (500, "problem", "does not work at present: HTTP 500", "nothing is wrong here", 75),
        (503, "problem", "does not work at present: HTTP 503", "nothing is wrong here", 75),
        (400, "warning", "does not take the call: HTTP 400", "look at remotes.vg.url", 0),
    ])
    func `the hint fits the status code`(status: Int, severity: String, text: String, hint: String, code: Int32) async throws {
        try await withScenario { scenario in
            var rule = FaultRule(.status)
            rule.status = status
            try scenario.world.setFaults([rule], on: "vg")
            let found = try await check("vg", scenario)
            #expect(found.severity == severity)
            #expect(found.text.contains(text), "\(found.text)")
            #expect(found.hint.contains(hint), "\(found.hint)")
            #expect(found.exitCode == code)
            #expect(!found.text.contains("accepts"))
        }
    }

    @Test func `a remote that throttles has not accepted the token`() async throws {
        let server = try RawServer { _ in .json(429, ["Retry-After: 100"], "{}") }
        try await withScenario({ $0["remotes.vg", "url"] = "\"\(server.url)\"" }) { scenario in
            let found = try await check("vg", scenario)
            #expect(found.severity == "warning")
            #expect(found.text.contains("says to wait, so the token is not tried"))
            #expect(found.hint.hasPrefix("try again after 20"))
        }
    }

    @Test(arguments: ["<html>welcome</html>", "{\"hello\":\"world\"}", "[]"])
    func `a 2xx that is not from the API is a problem of the path`(body: String) async throws {
        let server = try RawServer { _ in .json(200, [], body) }
        try await withScenario({ $0["remotes.vg", "url"] = "\"\(server.url)\"" }) { scenario in
            let found = try await check("vg", scenario)
            #expect(found.severity == "problem")
            #expect(found.hint.hasPrefix("something else stands there?"), "\(found.text) \(found.hint)")
            #expect(!found.text.contains("accepts the token"))
        }
    }

    @Test func `an unknown name, a port without a server, and a silent server are reported`() async throws {
        let closed = try TransportServer.closedURL()
        let silent = try RawServer { _ in .init("", then: .silence) }
        let closing = try RawServer { _ in .init("") }
        let cases = [
            ("http://does-not-exist.invalid", "name_resolution: ", "getent hosts does-not-exist.invalid"),
            (closed, "connection refused", "nothing answers there: correct host and port of remotes.vg.url"),
            (silent.url, "timeout: ", "raise remotes.vg.timeouts"), (closing.url, "connection_closed: ", "closes the connection"),
        ]
        for (url, text, hint) in cases {
            try await withScenario({
                $0["remotes.vg", "url"] = "\"\(url)\""
                $0["remotes.vg", "timeouts"] = "{ connect = \"2s\", first_byte = \"1s\", read = \"1s\", total = \"2s\" }"
            }) { scenario in
                let found = try await check("vg", scenario)
                #expect(found.severity == "problem")
                #expect(found.text.contains("cannot be reached: "), "\(found.text)")
                #expect(found.text.contains(text), "\(found.text)")
                #expect(found.hint.contains(hint), "\(found.hint)")
                #expect(found.exitCode == 75)
            }
        }
    }

    @Test func `a helpdesk that knows none of the delivered conversations has another path`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...5)
            try await scenario.sync()
            var rule = FaultRule(.status, times: 2)
            rule.status = 404
            // A conversation that was deleted there shows nothing about the path.
            try scenario.world.setFaults([rule], on: "helpdesk")
            #expect(try await check("helpdesk", scenario).severity == "ok")
            rule.times = nil
            try scenario.world.setFaults([rule], on: "helpdesk")
            scenario.world.clearRequests()
            let found = try await check("helpdesk", scenario)
            #expect(found.severity == "problem")
            #expect(found.hint.hasPrefix("the path is wrong? Correct remotes.helpdesk.url"), "\(found.hint)")
            #expect(found.hint.contains("remotes.helpdesk.paths.get_conversation (/get_conversation)"))
            #expect(scenario.requestCount("helpdesk") == 3)
        }
    }
}
