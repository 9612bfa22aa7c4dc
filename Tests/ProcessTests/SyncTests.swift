import Fixtures
import Sandbox
import Testing

/// `convosync sync`: what is sent, in which order, and how it ends.
@Suite(.serialized) struct SyncTests {
    @Test func `the first sync sends whole projections to all four remotes, and a second one sends nothing`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.addMessage("m1", to: "c1")
            let first = try await scenario.sync()
            #expect(first["delivered"]?.integer == 10)
            #expect(try await scenario.differences() == [])
            let helpdesk = try #require(scenario.world.requests(instance: "helpdesk", conversation: "c1").first)
            #expect(
                helpdesk.fieldNames == [
                    "conversation_id", "title", "tags", "attributes", "status", "assignee_id", "last_user_read_at", "user",
                ])
            let vg = try #require(scenario.world.requests(instance: "vg", conversation: "v1").first)
            #expect(vg.fieldNames == ["state", "title", "tags", "userEmail", "userName"])
            #expect(vg.path == "/vg/agents/a1/convos/v1")
            let voicebot = try #require(scenario.world.requests(instance: "voicebot", conversation: "1").first)
            #expect(voicebot.bodyJSON == ["status": "in-progress"])
            #expect(scenario.world.requests(instance: "fin").count == 1)
            scenario.world.clearRequests()
            let second = try await scenario.sync()
            #expect(second["delivered"] == 0)
            #expect(second["planned"] == 0)
            #expect(scenario.requestCount() == 0)
        }
    }

    @Test func `one changed field causes one call per remote, with that field`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            scenario.world.clearRequests()
            try await scenario.setTitle("changed", of: "c1")
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "helpdesk").map(\.bodyJSON) == [["conversation_id": "c1", "title": "changed"]])
            #expect(scenario.world.requests(instance: "vg").map(\.bodyJSON) == [["conversation": ["title": "changed"]]])
            #expect(scenario.requestCount("voicebot") == 0)
            scenario.world.clearRequests()
            try await scenario.write("UPDATE users SET email = 'new@example.com' WHERE id = 'u2'")
            try await scenario.sync()
            let expected: SandboxJSON = ["conversation_id": "c2", "user": ["id": "u2", "email": "new@example.com"]]
            #expect(scenario.world.requests(instance: "helpdesk").map(\.bodyJSON) == [expected])
            #expect(scenario.world.requests(instance: "vg").map(\.bodyJSON) == [["conversation": ["userEmail": "new@example.com"]]])
        }
    }

    @Test func `a conversation is sent to the helpdesk after the other remotes have responded for it`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...5)
            for number in 1...5 { try await scenario.addMessage("m\(number)", to: "c\(number)") }
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 50)], on: "vg")
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 50)], on: "fin")
            try await scenario.sync()
            let requests = scenario.world.requests()
            #expect(requests.count == 20)
            for number in 1...5 {
                let ids = ["c\(number)", "\(number)", "v\(number)"]
                let ofConversation = requests.filter { $0.conversation.map(ids.contains) == true }
                #expect(ofConversation.count == 4, "c\(number): \(ofConversation.map(\.path))")
                let helpdeskBegan = try #require(ofConversation.first { $0.kind == "helpdesk" }).arrivedAt
                let othersEnded = ofConversation.filter { $0.kind != "helpdesk" }.compactMap(\.finishedAt).max()
                #expect(try #require(othersEnded) <= helpdeskBegan, "c\(number)")
            }
        }
    }

    @Test func `a complete sync exits with 0, and one with a remote that is down with 75 and leaves the rows due`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            let waiting = try await scenario.sync(expecting: 75)
            #expect(waiting["waiting"] == 1)
            #expect(waiting["next_due"]?.string != nil)
            #expect(scenario.requestCount("helpdesk") == 1)
            try scenario.world.setFaults([], on: "vg")
            let done = try await scenario.sync("--drain", "60")
            #expect(done["waiting"] == 0)
            #expect(done["unplanned"] == 0)
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `what rests on the feeds does not keep a complete sync from ending with 0`() async throws {
        try await withScenario({ $0["remotes.fin", "enabled"] = "false" }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1")
            let outcome = try await scenario.sync()
            #expect(outcome["unplanned"] == 0)
            #expect(try await scenario.number("SELECT count(*) FROM message_feed WHERE remote = 'fin'") == 1)
        }
    }

    @Test func `a drain continues through retries until everything is acknowledged`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...4)
            try scenario.world.setFaults([FaultRule(.status, times: 6)], on: "vg")
            let outcome = try await scenario.sync("--drain", "60")
            #expect(scenario.requestCount("vg") == 10)
            #expect(outcome["waiting"] == 0)
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a sync does not end with 0 while a change is still unplanned`() async throws {
        // The retry is due when the test says so.
        let configure: (inout ScenarioConfiguration) -> Void = {
            $0["retry", "base"] = "\"1h\""
            $0["retry", "cap"] = "\"1h\""
        }
        try await withScenario(configure) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([FaultRule(.dropBefore, times: 1), FaultRule(.latency, latencyMilliseconds: 200)], on: "vg")
            try await scenario.setTitle("first", of: "c1")
            try await scenario.sync(expecting: 75)
            // The waiting row is in flight again when the newer change is planned: planning waits for its end.
            try await scenario.write("UPDATE outbox SET due_at = created_at WHERE state = 'pending'")
            try await scenario.setTitle("second", of: "c1")
            let result = try await scenario.run("sync")
            let differences = try await scenario.differences()
            #expect(result.exitCode == (differences.isEmpty ? 0 : 75), "\(differences)")
        }
    }

    @Test func `a sync waits for the calls that it has begun`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            for instance in ScenarioConfiguration.remotes {
                try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 50)], on: instance)
            }
            var codes: [Int32] = []
            for round in 1...15 {
                try await scenario.write("UPDATE conversations SET title = 'round \(round)'")
                codes.append(try await scenario.run("sync").exitCode)
            }
            let interrupted = try await scenario.number("SELECT count(*) FROM outbox_attempts WHERE outcome = 'interrupted'")
            #expect(codes == Array(repeating: 0, count: 15))
            #expect(interrupted == 0)
        }
    }

    @Test func `a sync whose time to drain is over before its calls end waits for them, and makes none twice`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.addMessage("m1", to: "c1")
            for instance in ["fin", "vg"] {
                try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 2500)], on: instance)
            }
            let outcome = try await scenario.sync("--drain", "1")
            #expect(outcome["delivered"]?.integer == 7 && outcome["waiting"] == 0)
            #expect(scenario.requestCount() == 7)
            #expect(try await scenario.number("SELECT count(*) FROM outbox_attempts WHERE outcome = 'interrupted'") == 0)
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `sync --drain 0 does what sync does`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.addMessage("m1", to: "c1")
            let outcome = try await scenario.sync("--drain", "0")
            #expect(outcome["delivered"]?.integer == 10 && outcome["planned"]?.integer == 10)
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a row that becomes dead ends the sync with 65 and does not delay the others`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            var rule = FaultRule(.status)
            rule.status = 422
            rule.conversation = "v2"
            try scenario.world.setFaults([rule], on: "vg")
            let outcome = try await scenario.sync(expecting: 65)
            #expect(outcome["dead"] == 1)
            #expect(try await scenario.texts("SELECT conversation_id FROM outbox WHERE state = 'dead'") == ["c2"])
            #expect(scenario.world.state(of: "vg").count == 2)
            #expect(scenario.world.state(of: "helpdesk").count == 3)
        }
    }

    @Test func `a 404 for a link puts a tombstone on that link only`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setOptions(on: "voicebot") { $0.deleted = ["1"] }
            try await scenario.sync(expecting: 65)
            #expect(scenario.world.state(of: "voicebot").count == 1)
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "voicebot").map(\.conversation) == ["2"])
            #expect(scenario.requestCount("helpdesk") == 2)
        }
    }

    @Test func `a database that cannot be opened ends commands with 69`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["database", "path"] = "\"/does/not/exist/convosync.db\"" }
            for command in ["sync", "status", "plan", "migrate", "run"] {
                let result = try await scenario.run(command)
                #expect(result.exitCode == 69, "\(command): \(result.errorOutput)")
                #expect(result.errorOutput.contains("/does/not/exist/convosync.db"), "\(command)")
            }
            #expect(try await scenario.run("check").exitCode == 69)
            try scenario.write("this is not a database, but it is long enough to be taken for a page of one", to: "other.db")
            try scenario.configure { $0["database", "path"] = "\"other.db\"" }
            #expect(try await scenario.run("sync").exitCode == 69)
        }
    }

    @Test func `a deleted conversation discards its unsent rows, and nothing is deleted at a remote`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            try await scenario.sync(expecting: 75)
            try await scenario.write("DELETE FROM links WHERE conversation_id = 'c1'")
            try await scenario.write("DELETE FROM conversations WHERE id = 'c1'")
            try scenario.world.setFaults([], on: "vg")
            try await scenario.sync("--drain", "60")
            #expect(scenario.world.state(of: "vg").compactMap { $0["ID"]?.string } == ["v2"])
            #expect(scenario.world.state(of: "helpdesk").count == 2)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE conversation_id = 'c1' AND state = 'discarded'") >= 1)
        }
    }
}
