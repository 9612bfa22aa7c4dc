import SandboxModel
import Testing

/// The effect of faults on the connection of a call, and whether the system applied the call.
struct ConnectionStepTests {
    private static func steps(_ fault: FaultRule) -> (steps: [ConnectionStep], isApplied: Bool) {
        let client = ModelClient()
        let body: SandboxJSON = ["conversation": ["state": "ended_chat"]]
        let exchange = client.exchange("PATCH", "/vg/agents/a1/convos/c1", body, fault: fault)
        return (exchange.steps, client.world.state(of: "vg", conversation: "c1") != nil)
    }

    @Test func `drops and hangs end with a closed connection`() {
        for (kind, isApplied) in [(FaultRule.Kind.dropBefore, false), (.dropAfter, true), (.hangBefore, false), (.hangAfter, true)] {
            for resets in [false, true] {
                var fault = FaultRule(kind)
                fault.resets = resets
                let (steps, wasApplied) = Self.steps(fault)
                let hang = [ConnectionStep.wait(milliseconds: 120_000)].filter { _ in kind == .hangBefore || kind == .hangAfter }
                #expect(steps == hang + [.close(resets: resets)])
                #expect(wasApplied == isApplied)
            }
        }
    }

    @Test func `latency comes before the response, and is bounded`() {
        for (latency, wait) in [(80, 80), (1_000_000, 120_000)] {
            let (steps, isApplied) = Self.steps(FaultRule(.latency, latencyMilliseconds: latency))
            #expect(steps.count == 2)
            #expect(steps.first == .wait(milliseconds: wait))
            #expect(steps.last?.response?.head.status == 200)
            #expect(isApplied)
        }
    }

    @Test func `a truncated body is shorter than its announced length`() throws {
        let (steps, isApplied) = Self.steps(FaultRule(.truncated))
        try #require(steps.count == 3)
        let head = try #require(steps[0].begun)
        guard case .send(let bytes) = steps[1] else { throw NoWholeResponse(steps: steps) }
        #expect(try #require(head.headers["Content-Length"].flatMap { Int($0) }) > bytes.count)
        #expect(!bytes.isEmpty)
        #expect(steps[2] == .close(resets: false))
        #expect(isApplied)
    }

    @Test func `the pieces of a slow body make up the whole body`() throws {
        let (steps, _) = Self.steps(FaultRule(.slowBody, latencyMilliseconds: 100))
        var received: [UInt8] = []
        var waited = 0
        for step in steps {
            if case .send(let bytes) = step { received += bytes }
            if case .wait(let milliseconds) = step { waited += milliseconds }
        }
        #expect(waited == 100)
        #expect(steps.last == .end)
        #expect(try SandboxJSON.reading(received).get()["data"]?["state"] == "ended_chat")
        #expect(steps.first?.begun?.headers["content-length"] == String(received.count))
    }

    @Test func `a huge body is not held in memory`() {
        var fault = FaultRule(.hugeBody)
        fault.bytes = 1_073_741_824
        let (steps, _) = Self.steps(fault)
        #expect(steps.contains(.pad(1_073_741_824 - 14)))
        #expect(steps.first?.begun?.headers["Content-Length"] == "1073741824")
    }

    @Test func `a header of a rule replaces the usual one`() throws {
        var fault = FaultRule(.status)
        fault.status = 503
        fault.headers = ["content-type": "text/plain", "Retry-After": "5"]
        fault.body = "down"
        let (steps, isApplied) = Self.steps(fault)
        let (head, body) = try #require(steps.first?.response)
        #expect(head.status == 503)
        #expect(head.headers.map(\.name) == ["content-type", "Content-Length", "Retry-After"])
        #expect(head.headers["Content-Length"] == "4")
        #expect(body == Array("down".utf8))
        #expect(!isApplied)
    }

    @Test(arguments: [("HEAD", 405, true), ("GET", 404, false)])
    func `the response to HEAD has a length and no body`(method: String, status: Int, isEmpty: Bool) throws {
        let client = ModelClient()
        let (head, body) = try #require(client.exchange(method, "/vg/agents/a1/convos/c1").steps.first?.response)
        #expect(head.status == status)
        #expect(head.headers["Content-Length"] != "0")
        #expect(body.isEmpty == isEmpty)
    }

    @Test func `a fault for a single call replaces the rules of the instance`() throws {
        let client = ModelClient()
        try client.world.setFaults([FaultRule(.status, times: 1)], on: "vg")
        let first = client.exchange("GET", "/vg/agents/a1/convos", fault: FaultRule(.dropBefore))
        #expect(first.steps == [.close(resets: false)])
        #expect(first.record?.fault == .dropBefore)
        #expect(try client.call("GET", "/vg/agents/a1/convos").status == 500)
        #expect(try client.call("GET", "/vg/agents/a1/convos").status == 200)
    }
}
