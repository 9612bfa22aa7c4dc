import SandboxModel
import Testing

/// Which requests a rule applies to, and how rules are described in control calls.
struct FaultRuleTests {
    @Test func `the first matching rule with times left wins`() throws {
        let client = ModelClient()
        try client.world.setFaults(
            [
                try FaultRule(["kind": "status", "status": 500, "times": 1, "conversation": "c2"]),
                try FaultRule(["kind": "status", "status": 502, "times": 2, "skip": 1, "path_contains": "/convos/"]),
                try FaultRule(["kind": "status", "status": 503, "times": 1, "method": "GET"]),
                try FaultRule(["kind": "status", "status": 504, "times": 1, "conversation": "a1/c3"]),
            ],
            on: "vg"
        )
        var statuses: [Int] = []
        for conversation in ["c1", "c2", "c2", "c1", "c1", "c3", "c3"] {
            statuses.append(try client.patchVG(conversation, [:]).status)
        }
        #expect(statuses == [200, 500, 502, 502, 200, 504, 200])
        #expect(try client.call("GET", "/vg/agents/a1/convos").status == 503)
    }

    @Test func `the same seed draws the same faults`() throws {
        func draw(seed: UInt64) throws -> [Int] {
            let client = ModelClient(seed: seed)
            try client.world.setFaults([try FaultRule(["kind": "status", "probability": 0.5])], on: "voicebot")
            var statuses: [Int] = []
            for _ in 0..<40 { statuses.append(try client.patchVoicebot("1", ["status": "done"]).status) }
            return statuses
        }
        let first = try draw(seed: 7)
        #expect(try draw(seed: 7) == first)
        #expect(try draw(seed: 8) != first)
        #expect(first.contains(200))
        #expect(first.contains(500))
    }

    @Test(
        arguments: [
            [:], ["kind": "explode"], ["kind": "status", "status": 99], ["kind": "status", "times": -1],
            ["kind": "latency", "latency_ms": "5"],
            ["kind": "drift"], ["kind": "status", "probability": 2], ["kind": "status", "headers": ["A:b": "c"]],
            ["kind": "status", "headers": ["A": "b\r\nC: d"]], ["kind": "latency", "delay": 5], [],
        ] as [SandboxJSON]
    )
    func `an invalid rule is refused`(description: SandboxJSON) {
        #expect(throws: ControlRefusal.self) { try FaultRule(description) }
    }
}
