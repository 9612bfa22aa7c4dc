import Fixtures
import Foundation
import Sandbox
import Testing

struct ReportTests {
    @Test func `a request is recorded as it arrived`() async throws {
        try await withSandbox { client in
            _ = try await client.call(
                "PATCH",
                "/vg/agents/a1/convos/c%201?x=1",
                raw: "{ \"conversation\":\n {\"title\": \"ä\"} }",
                headers: ["Idempotency-Key": "key-1"]
            )
            let record = try client.onlyRecord()
            #expect(record.sequence == 1)
            #expect(record.instance == "vg")
            #expect(record.method == "PATCH")
            #expect(record.path == "/vg/agents/a1/convos/c%201")
            #expect(record.query == "x=1")
            #expect(record.agent == "a1")
            #expect(record.conversation == "c 1")
            #expect(record.idempotencyKey == "key-1")
            #expect(record.intercomVersion == "2.15")
            #expect(record.isAuthorized)
            #expect(record.status == 200)
            #expect(record.bodyJSON == ["conversation": ["title": "ä"]])
            let report = try await client.call("GET", "/_control/requests").json["requests"]?[0]
            #expect(report?["body"] == ["conversation": ["title": "ä"]])
            #expect(report?["idempotency_key"] == "key-1")
            #expect(report?["answered"] == true)
            #expect(report?["outcome"] == "applied")
            #expect(report?["at"]?.string?.hasSuffix("Z") == true)
        }
    }

    @Test func `a body that is not JSON is recorded as a string`() async throws {
        try await withSandbox { client in
            _ = try await client.call("POST", "/helpdesk/update_conversation", raw: "{\"x\"")
            let report = try await client.call("GET", "/_control/requests").json["requests"]?[0]
            #expect(report?["body"] == "{\"x\"")
            #expect(report?["outcome"] == "rejected")
            #expect(report?["detail"]?.string?.contains("not JSON") == true)
        }
    }

    @Test func `requests can be filtered and paged by sequence`() async throws {
        try await withSandbox { client in
            for id in ["1", "2", "1"] { _ = try await client.patchVoicebot(id, ["status": "done"]) }
            _ = try await client.patchVG("1", [:])
            let world = client.sandbox.world
            #expect(world.requests(instance: "voicebot", conversation: "1").map(\.sequence) == [1, 3])
            #expect(world.requests(conversation: "a1/1").map(\.sequence) == [4])
            #expect(world.requests(after: 2).map(\.sequence) == [3, 4])
            let page = try await client.call("GET", "/_control/requests?limit=3").json
            #expect(page["count"] == 3)
            #expect(page["last"] == 3)
            #expect(page["more"] == true)
            #expect(try await client.call("DELETE", "/_control/requests").status == 200)
            _ = try await client.patchVG("1", [:])
            #expect(world.requests().map(\.sequence) == [5])
        }
    }

    @Test func `calls in flight at once are counted, and separately those of one conversation`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.latency, times: 3, latencyMilliseconds: 100_000)], on: "vg")
            let calls = ["c1", "c2", "c1"].map { id in Task { try await client.patchVG(id, [:]) } }
            #expect(await client.sandbox.world.wait { $0.requests().count == 3 })
            _ = try await client.patchVG("c2", [:])
            let records = client.sandbox.world.requests()
            #expect(records.map(\.othersInFlight) == [0, 1, 2, 3])
            #expect(records.map(\.othersInFlightSameConversation).reduce(0, +) == 2)
            for call in calls { call.cancel() }
            #expect(await client.sandbox.world.wait { $0.requests().allSatisfy { $0.finishedAt != nil } })
            let summary = client.sandbox.world.summary()["instances"]?["vg"]
            #expect(summary?["requests"] == 4)
            #expect(summary?["in_flight"] == 0)
            #expect(summary?["max_in_flight"] == 4)
            #expect(summary?["max_in_flight_same_conversation"] == 2)
            #expect(summary?["overlapping_same_conversation"] == 2)
            #expect(summary?["unanswered"] == 3)
        }
    }

    @Test func `the summary counts by outcome, status and fault`() async throws {
        try await withSandbox { client in
            _ = try await client.reply(.message("c1"))
            _ = try await client.reply(.message("c1"))
            _ = try await client.reply(["conversation_id": "c1"])
            try client.sandbox.world.setFaults([FaultRule(.status, times: 1)], on: "fin")
            _ = try await client.reply(.message("c2"))
            _ = try await client.call("GET", "/wrong/place")
            let summary = try await client.call("GET", "/_control/summary").json
            let fin = summary["instances"]?["fin"]
            #expect(fin?["outcomes"]?["applied"] == 1)
            #expect(fin?["outcomes"]?["deduplicated"] == 1)
            #expect(fin?["outcomes"]?["rejected"] == 1)
            #expect(fin?["outcomes"]?["prevented"] == 1)
            #expect(fin?["statuses"] == ["200": 2, "400": 1, "500": 1])
            #expect(fin?["faults"] == ["status": 1])
            #expect(fin?["conversations"] == 1)
            #expect(summary["unrouted"] == 1)
            #expect(summary["last_unrouted_path"] == "/wrong/place")
        }
    }

    @Test func `beyond the limit requests are only counted`() async throws {
        var configuration = SandboxConfiguration()
        configuration.recordLimit = 2
        try await withSandbox(configuration) { client in
            for _ in 0..<3 { _ = try await client.patchVoicebot("1", ["status": "done"]) }
            #expect(client.sandbox.world.requests().count == 2)
            let summary = client.sandbox.world.summary()
            #expect(summary["recorded"] == 2)
            #expect(summary["not_recorded"] == 1)
            #expect(summary["instances"]?["voicebot"]?["requests"] == 3)
        }
    }

    @Test func `the record file has one line of JSON for each finished request`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("requests.jsonl")
        var configuration = SandboxConfiguration()
        configuration.recordFile = path
        try await withSandbox(configuration) { client in
            _ = try await client.call("PATCH", "/voicebot/conversations/1", raw: "{\n\"status\":\n\"done\"}")
            _ = try await client.patchVoicebot("x", ["status": "done"])
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        let records = try lines.map { try SandboxJSON(text: String($0)) }
        #expect(records.map { $0["status"] } == [200, 404])
        #expect(records.first?["body"] == ["status": "done"])
    }
}
