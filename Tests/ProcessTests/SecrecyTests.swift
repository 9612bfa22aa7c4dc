import Fixtures
import Foundation
import Sandbox
import Testing

/// No token, e-mail, name, title or message text in the log, in status output or in error columns, whatever a remote responds.
@Suite(.serialized) struct SecrecyTests {
    /// The personal data of one conversation. The test searches for the marks: a part of a secret is a secret.
    private struct Secrets {
        var title = "Marktitle wants her money back"
        var name = "Marta Markname"
        var email = "markmail@example.com"
        var message = "Markmessage: my card number is 4111"
        static let token = "marktoken-0123456789abcdef"
        static let marks = ["Marktitle", "Markname", "markmail", "Markmessage", "marktoken"]
    }

    /// Syncs with remotes that refuse with a response that `echo` makes from the request, and returns everything that was printed
    /// about it.
    private func trace(
        _ secrets: Secrets, status: Int, format: String = "json", echo: (Secrets) -> SandboxJSON
    ) async throws -> [String: String] {
        var settings = SandboxConfiguration()
        settings.token = Secrets.token
        var trace: [String: String] = [:]
        let configure: (inout ScenarioConfiguration) -> Void = {
            $0["log", "format"] = "\"\(format)\""
            // `sync` waits for every response, even on a busy machine.
            $0["schedule", "stall"] = "\"30s\""
        }
        try await withScenario(configure, sandbox: settings) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE conversations SET title = ?", [secrets.title])
            try await scenario.write("UPDATE users SET name = ?, email = ?", [secrets.name, secrets.email])
            try await scenario.addMessage("m1", to: "c1", body: secrets.message)
            for instance in ScenarioConfiguration.remotes {
                var rule = FaultRule(.status)
                rule.status = status
                var known = secrets
                // A remote can only repeat what it was sent.
                if instance == "fin" { known.title = "" } else { known.message = "" }
                if instance == "voicebot" { known = Secrets(title: "", name: "", email: "", message: "") }
                rule.body = echo(known)
                try scenario.world.setFaults([rule], on: instance)
            }
            let sync = try await scenario.run("sync")
            for remote in ScenarioConfiguration.remotes { #expect(scenario.requestCount(remote) >= 1, "\(remote)") }
            trace["log of sync"] = sync.output + sync.errorOutput
            let daemon = try scenario.start(["run", "--config", scenario.configurationPath])
            try await scenario.write("UPDATE links SET agent_id = 'a2' WHERE remote = 'vg'")
            _ = await scenario.world.wait(for: .seconds(5)) { $0.requests(instance: "vg").count >= 2 }
            _ = await scenario.world.wait(for: .milliseconds(500)) { $0.requests(instance: "helpdesk").count >= 2 }
            await daemon.killAndWait()
            let ended = try await daemon.end()
            trace["log of run"] = ended.output + ended.errorOutput
            try await collect(from: scenario, into: &trace)
        }
        return trace
    }

    /// Status output, and every column with a text from a remote.
    private func collect(from scenario: ProgramScenario, into trace: inout [String: String]) async throws {
        trace["status"] = try await scenario.run("status").output + scenario.run("status", "--json").output
        trace["outbox list"] = try await scenario.run("outbox", "list").output
        for (table, columns) in [
            ("outbox", ["last_error"]), ("outbox_attempts", ["error", "response_excerpt"]), ("remotes", ["last_error", "park_reason"]),
            ("runs", ["error"]),
        ] {
            for column in columns {
                trace["\(table).\(column)"] = try await scenario.texts("SELECT \(column) FROM \(table) WHERE \(column) IS NOT NULL")
                    .joined(separator: "\n")
            }
        }
    }

    private func leaks(_ trace: [String: String]) -> [String] {
        trace.sorted { $0.key < $1.key }.flatMap { place, text in
            Secrets.marks.filter { text.contains($0) }.map { "\(place) shows \($0)" }
        }
    }

    private static func echoInMessage(_ secrets: Secrets) -> SandboxJSON {
        [
            "message": .string(
                "cannot take \(secrets.title) of \(secrets.name) <\(secrets.email)>, who wrote \(secrets.message), "
                    + "with Bearer \(Secrets.token)"),
            "errors": ["title": [.string("\(secrets.title) is too long")]],
        ]
    }

    @Test(arguments: ["json", "logfmt"])
    func `a request that a remote repeats in a 400 is not shown`(format: String) async throws {
        let trace = try await trace(Secrets(), status: 400, format: format, echo: Self.echoInMessage)
        #expect(leaks(trace) == [])
        // The trace is not empty for another reason.
        #expect(trace["outbox.last_error"]?.contains("HTTP 400: cannot take [redacted] of [redacted]") == true)
        #expect(trace["outbox_attempts.response_excerpt"]?.contains("[redacted]") == true)
        #expect(trace["log of sync"]?.contains("delivery.attempted") == true)
    }

    @Test(arguments: [401, 404, 429, 500])
    func `a request that a remote repeats with another status is not shown`(status: Int) async throws {
        #expect(leaks(try await trace(Secrets(), status: status, echo: Self.echoInMessage)) == [])
    }

    @Test func `a request that a remote repeats in a body that is not JSON is not shown`() async throws {
        let trace = try await trace(Secrets(), status: 400) { secrets in
            .string("<html>\(secrets.title) | \(secrets.name) | \(secrets.email) | \(secrets.message) | \(Secrets.token)</html>")
        }
        #expect(leaks(trace) == [])
    }

    @Test func `a request that a remote repeats in a 200 that is not an acknowledgement is not shown`() async throws {
        let trace = try await trace(Secrets(), status: 200) { secrets in
            .string("[\"\(secrets.title)\", \"\(secrets.name)\", \"\(secrets.email)\", \"\(secrets.message)\", \"\(Secrets.token)\"]")
        }
        #expect(leaks(trace) == [])
    }

    @Test func `repeated texts that JSON escapes are recognised as well`() async throws {
        let secrets = Secrets(
            title: "She said \"Marktitle\" to me", name: "Marta\tMarkname", email: "markmail@example.com",
            message: "first line\nMarkmessage in the second")
        let trace = try await trace(secrets, status: 400, echo: Self.echoInMessage)
        #expect(leaks(trace) == [])
    }

    @Test func `a long text that an excerpt truncates is recognised as well`() async throws {
        let secrets = Secrets(message: "Markmessage " + String(repeating: "and so on ", count: 400))
        let trace = try await trace(secrets, status: 400) { ["message": .string("cannot take"), "your_text": .string($0.message)] }
        #expect(leaks(trace) == [])
    }

    @Test func `a whole conversation in the refusal of one field is not shown`() async throws {
        try await withScenario { scenario in
            let secrets = Secrets()
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE conversations SET title = ?", [secrets.title])
            try await scenario.write("UPDATE users SET name = ?, email = ?", [secrets.name, secrets.email])
            try await scenario.sync()
            for instance in ["vg", "helpdesk"] {
                var rule = FaultRule(.status)
                rule.status = 400
                rule.body = ["message": .string("\(secrets.title): the status is wrong"), "data": ["userName": .string(secrets.name)]]
                try scenario.world.setFaults([rule], on: instance)
            }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            let sync = try await scenario.run("sync")
            #expect(sync.exitCode == 65)
            var trace = ["log of sync": sync.output + sync.errorOutput]
            try await collect(from: scenario, into: &trace)
            #expect(leaks(trace) == [])
        }
    }

    @Test(arguments: ["token_env", "token_credential", "token_file"])
    func `a token in the place of the name of a file or a variable is in no output`(key: String) async throws {
        try await withScenario { scenario in
            for token in ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "bWFya3Rva2VuLTAxMjM0NTY3ODlhYmNkZWY="] {
                try scenario.configure {
                    $0["remotes.vg", "token_file"] = nil
                    $0["remotes.vg", key] = "\"\(token)\""
                }
                for command in [["check"], ["run"], ["sync"], ["status"], ["plan"]] {
                    let result = try await scenario.start(command + ["--config", scenario.configurationPath]).end()
                    let output = result.output + result.errorOutput
                    #expect(!output.contains(token), "\(output)")
                    if command == ["check"] || command == ["run"] || command == ["sync"] {
                        #expect(result.exitCode == 78 || command == ["check"])
                        #expect(output.contains(key), "\(output)")
                    }
                }
            }
        }
    }

    /// All places where personal data can be: names, titles, messages, attributes, tags, tokens of all remotes, webhook secrets,
    /// a token in the wrong place of a configuration, queries of webhook calls.
    @Test(arguments: ["json", "logfmt"])
    func `the log of a service's whole life contains no canary from any of these places`(format: String) async throws {
        let marks = ["canary", "Kanarienvogel"]
        var settings = SandboxConfiguration()
        settings.token = "canary-token-0123456789"
        try await withScenario({ $0["log", "format"] = "\"\(format)\"" }, sandbox: settings) { scenario in
            try scenario.write("canary-secret-0123456789", to: "hook.secret")
            try scenario.configure { configuration in
                configuration["listen", "address"] = "\"127.0.0.1:0\""
                configuration["remotes.fin.webhook", "secret_file"] = "\"hook.secret\""
                configuration["remotes.vg.fields", "leadScore"] = "\"attributes.lead\""
            }
            try await scenario.addConversations(1...4)
            try await scenario.write(
                """
                UPDATE users SET name = 'Kanarienvogel ' || id, email = 'canary.' || id || '@example.com',
                    attributes = '{"plan_type": "canary plan", "phone": "+49 canary"}', photo_url = 'https://example.com/canary.png'
                """)
            try await scenario.write(
                """
                UPDATE conversations SET title = 'canary in the title of ' || id, tags = '["canary tag"]',
                    attributes = '{"lead": "canary score"}'
                """)
            for number in 1...4 { try await scenario.addMessage("m\(number)", to: "c\(number)", body: "my canary is called \(number)") }
            try await scenario.write("UPDATE links SET agent_id = NULL WHERE remote = 'vg' AND conversation_id = 'c4'")
            for instance in ScenarioConfiguration.remotes {
                var echo = FaultRule(.status, times: 3)
                echo.status = 400
                echo.body = ["message": "cannot take it, with Bearer canary-token-0123456789"]
                try scenario.world.setFaults([echo, FaultRule(.dropAfter, times: 2), FaultRule(.garbage, times: 2)], on: instance)
            }
            let daemon = try scenario.start(["run", "--config", scenario.configurationPath])
            _ = try await eventually { daemon.output.contains("service.ready") }
            let hooks = try #require(Self.hookPort(daemon.output))
            try await RawCall.post(
                port: hooks, path: "/hooks/fin?token=canary-query", header: "X-Canary: canary-header", body: #"{"canary": "canary body"}"#)
            try await RawCall.post(port: hooks, path: "/hooks/canary-path", header: "Accept: canary", body: "")
            _ = try await eventually { scenario.requestCount("vg") >= 4 && scenario.requestCount("fin") >= 4 }
            _ = try await scenario.settle(within: .seconds(8))
            try scenario.configure { $0["remotes.vg", "token"] = "\"canary-token-in-the-file\"" }
            daemon.send(SIGHUP)
            _ = try await eventually { daemon.output.contains("config.rejected") }
            daemon.send(SIGTERM)
            let ended = try await daemon.end()
            #expect(ended.output.contains("delivery.attempted") && ended.output.contains("webhook.rejected"))
            for line in (ended.output + ended.errorOutput).split(separator: "\n") {
                for mark in marks { #expect(!line.lowercased().contains(mark.lowercased()), "\(line)") }
            }
        }
    }

    /// The port in `listen.started`, in either format.
    private static func hookPort(_ log: String) -> UInt16? {
        let line = log.split(separator: "\n").first { $0.contains("listen.started") }
        return line?.components(separatedBy: "127.0.0.1:").last.flatMap { UInt16($0.prefix { $0.isNumber }) }
    }
}
