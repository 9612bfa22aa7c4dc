import SandboxModel
import Testing

struct SimulatedWorldTests {
    @Test func `a path without a system is a 404 that no instance counts`() {
        let client = ModelClient()
        for path in ["/", "/nothing/here", "/vgx/agents/a1/convos/c1"] {
            let (steps, record) = client.exchange("GET", path)
            #expect(steps.first?.response?.head.status == 404)
            #expect(record == nil)
        }
        #expect(client.world.summary()["unrouted"] == 3)
        #expect(client.world.summary()["last_unrouted_path"] == "/vgx/agents/a1/convos/c1")
        #expect(client.world.requests().isEmpty)
    }

    @Test func `a body beyond the limit is a 413`() throws {
        let client = ModelClient()
        let body = String(repeating: " ", count: SimulatedWorld.maximumBodyBytes)
        #expect(try client.call("POST", "/helpdesk/update_conversation", raw: body).status == 400)
        #expect(try client.call("POST", "/helpdesk/update_conversation", raw: body + " ").status == 413)
        #expect(client.world.summary()["oversized"] == 1)
    }

    @Test func `at most 64 instances are created`() throws {
        let client = ModelClient()
        for number in 1...64 { #expect(try client.call("GET", "/vg-\(number)/agents/a1/convos").status == 200) }
        #expect(try client.call("GET", "/vg-65/agents/a1/convos").status == 404)
        #expect(throws: ControlRefusal.self) { try client.world.withInstance("vg-65") { $0.backUp() } }
        #expect(try client.call("GET", "/vg-1/agents/a1/convos").status == 200)
    }

    @Test func `the token bucket is filled by the time of the calls`() throws {
        let client = ModelClient()
        try client.world.setOptions(on: "vg") { $0.rateLimit = RateLimit(perSecond: 50, retryAfterSeconds: 1) }
        // 50 calls are in the bucket, and 10 ms between two calls are half of one.
        var statuses: [Int] = []
        for _ in 0..<120 { statuses.append(try client.call("GET", "/vg/agents/a1/convos").status) }
        #expect(statuses.prefix(99).allSatisfy { $0 == 200 })
        #expect(statuses.suffix(10).count { $0 == 429 } == 5)
    }

    @Test func `calls in flight are counted until they are finished`() {
        var world = SimulatedWorld()
        let now = SandboxInstant(milliseconds: 1_000)
        let first = world.receive(SimulatedRequest("GET", "/vg/agents/a1/convos/c1"), now: now)
        let second = world.receive(SimulatedRequest("GET", "/vg/agents/a1/convos/c1"), now: now)
        #expect(world.requests().map(\.othersInFlightSameConversation) == [0, 1])
        world.finish(first, isAnswered: true, now: now)
        #expect(world.finish(second, isAnswered: false, now: SandboxInstant(milliseconds: 1_250))?.isAnswered == false)
        #expect(world.summary()["instances"]?["vg"]?["in_flight"] == 0)
        #expect(world.summary()["instances"]?["vg"]?["unanswered"] == 1)
    }

    @Test func `options keep what was set, show the effective values and hide the token`() throws {
        var world = SimulatedWorld()
        func merge(_ options: SandboxJSON) throws -> SandboxJSON {
            try world.withInstance("voicebot") { instance throws(ControlRefusal) in try instance.mergeOptions(options) }
        }
        let first = try merge(["token": "hidden", "rate_limit": ["per_second": 5], "deleted": ["b", "a"], "list_order": "last_modified"])
        #expect(first["has_own_token"] == true)
        #expect(!first.text.contains("hidden"))
        #expect(first["rate_limit"] == ["per_second": .number(5), "retry_after": nil])
        #expect(first["deleted"] == ["a", "b"])
        #expect(first["list_order"] == "last_modified")
        #expect(first["fin_status"] == "awaiting_user_reply")
        let second = try merge(["rate_limit": nil, "token": nil])
        #expect(second["rate_limit"] == .null)
        #expect(second["has_own_token"] == false)
        #expect(second["deleted"] == ["a", "b"])
        #expect(throws: ControlRefusal.self) { try merge(["list_order": "newest"]) }
        #expect(throws: ControlRefusal.self) { try merge(["lagging_reads": nil]) }
    }
}
