import Fixtures
import Foundation
import Sandbox
import Testing

/// Calls that may have been applied, and calls that certainly were not.
@Suite(.serialized) struct FateTests {
    private func fault(_ status: Int, times: Int? = nil, retryAfter: Int? = nil) -> FaultRule {
        var rule = FaultRule(.status, times: times)
        rule.status = status
        rule.retryAfterSeconds = retryAfter
        return rule
    }

    /// A failed row does not fall due again within the same run.
    private static let retriesLater: @Sendable (inout ScenarioConfiguration) -> Void = {
        $0["retry", "base"] = "\"1h\""
        $0["retry", "cap"] = "\"1h\""
    }

    @Test(arguments: ["helpdesk", "voicebot", "vg"], [500, 502, 503, 504])
    func `after a 5xx a value is sent again, even if it has returned to the agreed one`(remote: String, status: Int) async throws {
        try await withScenario(Self.retriesLater) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([fault(status, times: 1)], on: remote)
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync(expecting: 75)
            try await scenario.write("UPDATE conversations SET status = 'open'")
            scenario.world.clearRequests()
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.differences() == [])
            let sent = scenario.world.requests(instance: remote)
            #expect(sent.contains { $0.bodyText.contains(remote == "helpdesk" ? "open" : remote == "vg" ? "ai-chatting" : "in-progress") })
        }
    }

    @Test(arguments: [(501, nil), (503, 0), (503, 3600), (408, nil), (425, nil), (429, 3600)] as [(Int, Int?)])
    func `after a refusal a value that has returned to the agreed one is not sent again`(status: Int, retryAfter: Int?) async throws {
        try await withScenario(Self.retriesLater) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([fault(status, times: 1, retryAfter: retryAfter)], on: "helpdesk")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync(expecting: 75)
            try await scenario.write("UPDATE conversations SET status = 'open'")
            scenario.world.clearRequests()
            try await scenario.sync("--drain", "60")
            #expect(scenario.requestCount("helpdesk") == 0)
        }
    }

    @Test(arguments: [500, 503])
    func `a message is repeated exactly within Fin's five minutes, and is uncertain afterwards`(status: Int) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([fault(status, times: 2)], on: "fin")
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync("--drain", "60")
            #expect(Set(scenario.world.requests(instance: "fin").map(\.bodyText)).count == 1)
            #expect(try await scenario.text("SELECT state || attempts FROM outbox WHERE message_id = 'm1'") == "delivered3")
            try scenario.world.setFaults([fault(status)], on: "fin")
            try await scenario.addMessage("m2", to: "c1")
            try await scenario.sync(expecting: 75)
            try await scenario.write(
                """
                UPDATE outbox SET due_at = created_at, in_doubt_since = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-6 minutes')
                WHERE message_id = 'm2' AND in_doubt_since IS NOT NULL
                """)
            scenario.world.clearRequests()
            try await scenario.sync(expecting: 65)
            #expect(scenario.requestCount("fin") == 0)
            #expect(try await scenario.text("SELECT state FROM outbox WHERE message_id = 'm2'") == "uncertain")
        }
    }

    @Test func `a message to which Fin responds with 501 becomes dead, never uncertain`() async throws {
        try await withScenario({ $0["retry", "max_attempts"] = "2" }) { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([fault(501)], on: "fin")
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync("--drain", "20", expecting: 65)
            #expect(
                try await scenario.text(
                    "SELECT state || ' ' || attempts || ' ' || (in_doubt_since IS NULL) FROM outbox WHERE remote = 'fin'")
                    == "dead 2 1")
        }
    }

    @Test func `a message that certainly did not arrive is sent after hours of an outage`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1")
            let right = scenario.sandbox.url(of: "fin")
            let closed = try TransportServer.closedURL()
            try scenario.configure { $0["remotes.fin", "url"] = "\"\(closed)\"" }
            for _ in 0..<3 {
                try await scenario.sync(expecting: 75)
                try await scenario.write(
                    """
                    UPDATE outbox SET due_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-20 hours'),
                        created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-20 hours') WHERE remote = 'fin'
                    """)
            }
            #expect(try await scenario.text("SELECT state FROM outbox WHERE remote = 'fin' AND in_doubt_since IS NULL") == "pending")
            try scenario.configure { $0["remotes.fin", "url"] = "\"\(right)\"" }
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.text("SELECT state FROM outbox WHERE remote = 'fin'") == "delivered")
        }
    }

    @Test(arguments: ["pause", "park", "throttle"])
    func `the age of a row does not include days when nothing could be attempted`(hold: String) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            switch hold {
            case "pause": #expect(try await scenario.run("pause", "vg").exitCode == 0)
            case "park": try scenario.world.setFaults([fault(401)], on: "vg")
            default: try scenario.world.setFaults([fault(429, retryAfter: 3600)], on: "vg")
            }
            try await scenario.sync(expecting: 75)
            try await scenario.write(
                """
                UPDATE outbox SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-4 days'),
                    due_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-4 days')
                """)
            try scenario.world.setFaults([fault(503, times: 2)], on: "vg")
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            try await scenario.sync(expecting: 75)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
            #expect(try await scenario.number("SELECT max(attempts) FROM outbox WHERE remote = 'vg' AND state = 'pending'") == 1)
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `resume lifts a throttle, whether the daemon is running or not`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([fault(429, times: 1, retryAfter: 36_000)], on: "vg")
            try await scenario.sync(expecting: 75)
            try scenario.world.setFaults([], on: "vg")
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            #expect(try await scenario.run("status", "--json").json["remotes"]?["vg"]?["throttled_until"] == .null)
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            let daemon = try await scenario.startDaemon()
            try scenario.world.setFaults([fault(429, times: 1, retryAfter: 36_000)], on: "vg")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await daemon.event("remote.throttled")
            try scenario.world.setFaults([], on: "vg")
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            #expect(try await scenario.remainingDifferences() == [])
        }
    }

    @Test(arguments: [
        (["Retry-After: 2", "Retry-After: 40"], 40), (["Retry-After: 40", "retry-after: 2"], 40), (["Retry-After: 2 minutes"], 120),
        (["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: MILLISECONDS"], 90), (["RateLimit: \"day\";r=0;t=70"], 70),
    ])
    func `of several waits in a response the latest counts`(headers: [String], seconds: Int) async throws {
        let now = Date().timeIntervalSince1970
        let lines = headers.map { $0.replacingOccurrences(of: "MILLISECONDS", with: "\(Int64((now + 90) * 1000))") }
        let server = try RawServer { _ in .json(429, lines, "{}") }
        try await withScenario({ $0["remotes.vg", "url"] = "\"\(server.url)\"" }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync(expecting: 75)
            let until = try #require(try await scenario.text("SELECT throttled_until FROM remotes WHERE name = 'vg'"))
            let wait = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(until).timeIntervalSince1970 - now
            #expect((Double(seconds) - 1...Double(seconds) + 20).contains(wait), "\(wait) s")
        }
    }

    @Test func `a Retry-After beyond a day is cut to a day, and the log says so`() async throws {
        let server = try RawServer { _ in .json(429, ["Retry-After: 999999999"], "{}") }
        try await withScenario({ $0["remotes.vg", "url"] = "\"\(server.url)\"" }) { scenario in
            try await scenario.addConversations(1...1)
            let process = try scenario.start(["sync", "--config", scenario.configurationPath])
            #expect(try await process.end().exitCode == 75)
            #expect(process.events("remote.throttled").first?["reason"]?.string?.contains("cut to 1d") == true)
            #expect(try await scenario.text("SELECT last_error FROM outbox WHERE remote = 'vg'")?.contains("cut to 1d") == true)
        }
    }

    // MARK: Responses that cannot be read

    private static let unreadable: [(name: String, response: RawServer.Response)] = [
        ("larger than max_response_size", .json(200, [], "{\"padding\":\"" + String(repeating: "x", count: 20_000) + "\"}")),
        ("never ends", .init("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"success\":", then: .silence)),
        ("breaks off", .init("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"success\":")),
        ("breaks off in a chunk", .init("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"succ")),
        ("is not gzip", .json(200, ["Content-Encoding: gzip"], "this is not gzip")), ("is not JSON", .json(200, [], "<html>")),
    ]

    @Test(arguments: unreadable.map(\.name))
    func `a 200 that cannot be read is sent once, and recorded with its status`(name: String) async throws {
        let response = try #require(Self.unreadable.first { $0.name == name }).response
        let (vg, fin) = (try RawServer { _ in response }, try RawServer { _ in response })
        try await withScenario({ configuration in
            for (remote, url) in [("vg", vg.url), ("fin", fin.url)] {
                configuration["remotes.\(remote)", "url"] = "\"\(url)\""
                configuration["remotes.\(remote)", "max_response_size"] = "\"8KiB\""
                configuration["remotes.\(remote)", "timeouts"] = "{ connect = \"1s\", read = \"1s\", total = \"2s\" }"
            }
        }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync("--drain", "6", expecting: 65)
            #expect(
                try await scenario.texts(
                    "SELECT remote || ' ' || state || ' ' || attempts || ' ' || last_http_status FROM outbox WHERE remote IN ('fin', 'vg') ORDER BY 1"
                )
                    == ["fin uncertain 1 200", "vg dead 1 200"])
            #expect(vg.requests.count == 1 && fin.requests.count == 1)
            // The field is in doubt: it is sent again with the next change.
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE remote = 'vg' AND fields LIKE '%\"doubt\":%'") == 1)
        }
    }
}
