import Sandbox
import SyncCore
import SyncHTTP
import Testing

/// Faults on the TCP connection itself.
struct ConnectionFaultTests {
    @Test(arguments: [(FaultRule.Kind.dropBefore, false), (.dropAfter, true)])
    func `a dropped connection ends without a response`(kind: FaultRule.Kind, isApplied: Bool) async throws {
        for resets in [false, true] {
            try await withSandbox { client in
                var rule = FaultRule(kind, times: 1)
                rule.resets = resets
                try client.sandbox.world.setFaults([rule], on: "vg")
                await #expect(throws: (any Error).self) { try await client.patchVG("c1", ["state": "ended_chat"]) }
                let record = try await client.lastFinishedRecord()
                #expect(record.status == nil)
                #expect(!record.isAnswered)
                #expect(record.fault == kind)
                #expect(client.hasEndedChat == isApplied)
                #expect(try await client.patchVG("c1", ["state": "ended_chat"]).status == 200)
            }
        }
    }

    @Test func `a connection that is dropped first is closed without a byte`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.dropBefore)], on: "voicebot")
            let bytes = try await RawConnection.exchange(
                port: client.sandbox.port,
                "GET /voicebot/conversations HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            #expect(bytes.isEmpty)
        }
    }

    @Test(arguments: [(FaultRule.Kind.hangBefore, false), (.hangAfter, true)])
    func `a hanging call ends after its time`(kind: FaultRule.Kind, isApplied: Bool) async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(kind, times: 1, latencyMilliseconds: 50)], on: "vg")
            await #expect(throws: (any Error).self) { try await client.patchVG("c1", ["state": "ended_chat"]) }
            #expect(try await client.lastFinishedRecord().isAnswered == false)
            #expect(client.hasEndedChat == isApplied)
        }
    }

    @Test func `a hanging call ends when its client goes away`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.hangAfter, times: 1)], on: "vg")
            let call = Task { try await client.patchVG("c1", ["state": "ended_chat"]) }
            #expect(await client.sandbox.world.wait { $0.requests().count == 1 })
            call.cancel()
            #expect(try await client.lastFinishedRecord().isAnswered == false)
            _ = try await client.patchVG("c1", ["state": "ended_chat"])
            #expect(client.sandbox.world.requests().last?.othersInFlightSameConversation == 0)
        }
    }

    @Test func `stopping ends a hanging call at once`() async throws {
        let sandbox = try await SandboxServer.start()
        try sandbox.world.setFaults([FaultRule(.hangBefore)], on: "vg")
        let url = sandbox.url(of: "vg") + "/agents/a1/convos"
        let client = NetworkTransport(HTTPLimits(firstByteTimeout: .seconds(100), totalTimeout: .seconds(100)))
        let hanging = Task { try await client.send(HTTPCall(method: "GET", url: url, headers: [], body: "")).status }
        #expect(await sandbox.world.wait { $0.requests().count == 1 })
        let start = ContinuousClock.now
        await sandbox.stop()
        #expect(ContinuousClock.now - start < .seconds(20))
        await #expect(throws: (any Error).self) { try await hanging.value }
        await client.shutdown()
    }

    @Test func `a truncated response announces more than it sends`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.truncated, times: 1)], on: "vg")
            await #expect(throws: (any Error).self) { try await client.patchVG("c1", ["state": "ended_chat"]) }
            #expect(client.hasEndedChat)
            #expect(try await client.lastFinishedRecord().isAnswered == false)
        }
    }

    @Test func `a fault after the system has handled a call keeps the system's refusal`() async throws {
        try await withSandbox { client in
            try client.sandbox.world.setFaults([FaultRule(.dropAfter, times: 1)], on: "vg")
            await #expect(throws: (any Error).self) { try await client.patchVG("c1", ["state": "nonsense"]) }
            #expect(try await client.lastFinishedRecord().outcome == .rejected)
        }
    }
}

extension SandboxClient {
    /// Whether the vg system has applied the call of the tests below.
    var hasEndedChat: Bool {
        sandbox.world.state(of: "vg", conversation: "c1")?["state"] == "ended_chat"
    }

    /// Waits until nothing is in flight any more: a fault ends after the client has seen its effect.
    func lastFinishedRecord() async throws -> RequestRecord {
        #expect(await sandbox.world.wait { $0.requests().last?.finishedAt != nil })
        return try #require(sandbox.world.requests().last)
    }
}
