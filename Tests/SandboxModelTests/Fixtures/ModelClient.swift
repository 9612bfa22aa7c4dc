import SandboxModel
import Testing

/// A client of a world of its own, one call after the other. Its clock stands still except for 10 ms before every call.
final class ModelClient {
    struct Reply {
        let status: Int
        let headers: [HTTPHeader]
        let text: String

        /// The body as JSON; `null` when it is not JSON.
        var json: SandboxJSON { (try? SandboxJSON(text: text)) ?? .null }
    }

    var world: SimulatedWorld
    private(set) var now = SandboxInstant(milliseconds: 1_764_000_000_000)
    private(set) var webhookCalls: [WebhookCall] = []

    init(seed: UInt64 = 1) {
        world = SimulatedWorld(seed: seed)
    }

    /// Makes a call that gets a complete response; the token, the type of a body and Fin's version are set unless the test says otherwise.
    func call(
        _ method: String,
        _ path: String,
        _ body: SandboxJSON? = nil,
        raw: String? = nil,
        headers: [String: String] = [:]
    ) throws -> Reply {
        let (steps, _) = exchange(method, path, body, raw: raw, headers: headers)
        guard steps.count == 1, let (head, bytes) = steps[0].response else { throw NoWholeResponse(steps: steps) }
        return Reply(status: head.status, headers: head.headers, text: String(decoding: bytes, as: UTF8.self))
    }

    /// What happens on the connection of a call, and its record.
    func exchange(
        _ method: String,
        _ path: String,
        _ body: SandboxJSON? = nil,
        raw: String? = nil,
        headers: [String: String] = [:],
        fault: FaultRule? = nil
    ) -> (steps: [ConnectionStep], record: RequestRecord?) {
        let usual = ["authorization": "Bearer sandbox-token", "content-type": "application/json", "intercom-version": "2.15"]
        let fields = usual.merging(headers.map { ($0.key.lowercased(), $0.value) }) { $1 }.filter { !$0.value.isEmpty }
        now = SandboxInstant(milliseconds: now.milliseconds + 10)
        let request = SimulatedRequest(
            method,
            RequestTarget(path),
            headers: fields.sorted { $0.key < $1.key }.map { HTTPHeader($0.key, $0.value) },
            body: Array((raw ?? body?.text ?? "").utf8)
        )
        let exchange = world.receive(request, fault: fault, now: now)
        webhookCalls += exchange.webhookCalls
        return (exchange.steps, world.finish(exchange, isAnswered: true, now: now))
    }

    func act(_ description: SandboxJSON, on instance: String) throws {
        webhookCalls += try world.act(description, on: instance, now: now).calls
    }

    func update(_ fields: SandboxJSON) throws -> Reply {
        try call("POST", "/helpdesk/update_conversation", fields)
    }

    func reply(_ fields: SandboxJSON, headers: [String: String] = [:]) throws -> Reply {
        try call("POST", "/intercom/fin/reply", fields, headers: headers)
    }

    func patchVoicebot(_ id: String, _ fields: SandboxJSON) throws -> Reply {
        try call("PATCH", "/voicebot/conversations/\(id)", fields)
    }

    func patchVG(_ id: String, _ fields: SandboxJSON) throws -> Reply {
        try call("PATCH", "/vg/agents/a1/convos/\(id)", ["conversation": fields])
    }

    /// The one record of a world that got one request.
    func onlyRecord() throws -> RequestRecord {
        let records = world.requests()
        #expect(records.count == 1)
        return try #require(records.first)
    }
}

extension ConnectionStep {
    /// The complete response of this step.
    var response: (head: ResponseHead, body: [UInt8])? {
        guard case .respond(let head, let body) = self else { return nil }
        return (head, body)
    }

    /// The head of the response that begins with this step.
    var begun: ResponseHead? {
        guard case .begin(let head) = self else { return nil }
        return head
    }
}

struct NoWholeResponse: Error {
    let steps: [ConnectionStep]
}

extension SimulatedWorld {
    mutating func setOptions(on instance: String, _ change: (inout InstanceOptions) -> Void) throws {
        try withInstance(instance) { change(&$0.options) }
    }

    mutating func setFaults(_ rules: [FaultRule], on instance: String) throws {
        try withInstance(instance) { $0.faults.replace(with: rules) }
    }

    mutating func seed(_ descriptions: [SandboxJSON], on instance: String) throws {
        try seed(descriptions, on: instance, now: SandboxInstant(milliseconds: 1_764_000_000_000))
    }
}

extension SandboxJSON {
    /// The document's own example of a message to Fin, for one conversation and one timestamp.
    static func message(_ conversation: String, timestamp: String = "2025-01-24T10:01:20.000Z") -> SandboxJSON {
        [
            "conversation_id": .string(conversation),
            "message": ["author": "user", "body": "How can I see my account details?", "timestamp": .string(timestamp)],
            "user": ["id": "123456"],
        ]
    }
}
