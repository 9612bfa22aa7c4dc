import Fixtures
import Foundation
import Sandbox
import Testing

/// Many webhook calls, forged calls, and secrets that are replaced while the service runs.
@Suite(.serialized) struct HookLoadTests {
    @Test func `a burst of webhook calls costs a few list reads and runs, and the last change is adopted`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            try scenario.write(HookCaller.secret, to: "hook.secret")
            try scenario.configure {
                $0.listen(["voicebot"])
                $0["listen", "rate"] = "\"unlimited\""
            }
            let daemon = try await scenario.startDaemon()
            let hooks = try await HookCaller(daemon)
            #expect(try await scenario.settle())
            let (reads, runs) = (scenario.readCount("voicebot"), daemon.events("run.started").count)
            let clock = ContinuousClock()
            let startedAt = clock.now
            var calls = 0
            while clock.now - startedAt < .seconds(4) {
                #expect(try await hooks.voicebot(#"{"call":\#(calls)}"#) == 200)
                calls += 1
            }
            try scenario.act(at: "voicebot", on: 2, ["status": "done"])
            #expect(try await hooks.voicebot(#"{"call":"last"}"#) == 200)
            #expect(try await eventually { try await scenario.local("c2") == "closed/agent_fin" })
            // One at once, one every three seconds, one after the burst; and the object that the list contains.
            #expect(calls >= 40)
            #expect(scenario.readCount("voicebot") - reads <= 6, "\(calls) calls")
            let causes = daemon.events("run.started").dropFirst(runs).compactMap { $0["cause"]?.string }
            #expect(causes.count <= 25, "\(calls) calls: \(Dictionary(grouping: causes, by: \.self).mapValues(\.count))")
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM read_requests") == 0 })
        }
    }

    @Test func `forged calls do not keep out any signed ones`() async throws {
        try await withHooks(["fin", "vg"], { $0["listen", "rate"] = "\"50/s\"" }) { scenario, daemon, hooks in
            try await scenario.addConversations(1...1)
            let isOver = Watched(false)
            let forged = Watched(0)
            let large = String(repeating: " ", count: 200_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<3 {
                    group.addTask {
                        while !isOver.value {
                            let status =
                                number == 0
                                ? try await RawCall.post(
                                    port: hooks.port, path: "/hooks/vg", header: "X: y",
                                    body: #"{"type":"x","payload":{"workspaceSecret":"wrong"}}"# + large)
                                : try await hooks.fin(#"{"event_name":"x"}"# + large, secret: "wrong")
                            #expect(status == 401)
                            forged.change { $0 += 1 }
                        }
                    }
                }
                var answers: [Int?] = []
                let at = HookCaller.now
                for number in 0..<40 { answers.append(try await hooks.status("replying", of: "c1", at: at + Int64(number))) }
                isOver.change { $0 = true }
                #expect(answers == Array(repeating: 200, count: 40))
                try await group.waitForAll()
            }
            #expect(forged.value > 0)
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `a replaced secret takes effect by itself, and the former one counts for a while`() async throws {
        try await withHooks { scenario, daemon, hooks in
            try await scenario.addConversations(1...1)
            let at = HookCaller.now
            let body = #"{"event_name":"fin_status_updated","conversation_id":"c1","status":"escalated","created_at_ms":\#(at)}"#
            #expect(try await hooks.fin(body, secret: "new-secret-0123456789") == 401)
            try scenario.write("new-secret-0123456789", to: "hook.secret")
            #expect(try await daemon.event("webhook.secret_changed")["remote"] == "fin")
            #expect(try await eventually { try await hooks.fin(body, secret: "new-secret-0123456789") == 200 })
            #expect(try await hooks.fin(body) == 200, "the former secret")
            #expect(try await hooks.fin(body, secret: "another") == 401)
            #expect(try await eventually { try await scenario.local("c1") == "open/-" })
            #expect(!daemon.output.contains("new-secret"))
            // A reload for another reason does not end it early.
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            #expect(try await hooks.fin(body) == 200)
            #expect(try await hooks.fin(body, secret: "new-secret-0123456789") == 200)
        }
    }
}
