import Fixtures
import SandboxModel

/// A world that gets calls, faults, options, changes and reports from a seed, and everything that resulted.
struct RandomWalk {
    private var random: SeededGenerator
    private var world: SimulatedWorld
    private var now = SandboxInstant(milliseconds: 1_764_000_000_000)
    private var inFlight: [Exchange] = []
    private(set) var transcript: [String] = []

    init(seed: UInt64, steps: Int) {
        random = SeededGenerator(seed: seed)
        world = SimulatedWorld(recordLimit: steps / 2, seed: seed)
        for _ in 0..<steps { step() }
        for instance in Self.instances { world.state(of: instance).forEach { transcript.append($0.text) } }
        note(records: world.requests())
        transcript.append(world.summary().text)
    }

    private static let instances = ["helpdesk", "fin", "voicebot", "vg", "vg-eu"]

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func one<Element>(of elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }

    private mutating func step() {
        // The clock stands still at times, and is set back at others.
        now = SandboxInstant(milliseconds: now.milliseconds + number(-20...200))
        switch number(0...99) {
        case 0..<60: call()
        case 60..<75: finish()
        default: control()
        }
    }

    private mutating func call() {
        let instance = one(of: Self.instances)
        let (method, path, body) = request(to: instance)
        var headers = [HTTPHeader("Authorization", number(0...19) == 0 ? "Bearer x" : "Bearer sandbox-token")]
        headers.append(HTTPHeader("Content-Type", "application/json"))
        if number(0...9) > 0 { headers.append(HTTPHeader("Intercom-Version", "2.14")) }
        let target = RequestTarget("/\(SimulatedKind.pathSegment(of: instance))\(path)")
        let fault = number(0...9) == 0 ? rule() : nil
        let exchange = world.receive(SimulatedRequest(method, target, headers: headers, body: body), fault: fault, now: now)
        transcript.append("\(method) \(target.path) \(exchange.steps.map(Self.text))")
        note(calls: exchange.webhookCalls)
        inFlight.append(exchange)
    }

    private mutating func request(to instance: String) -> (method: String, path: String, body: [UInt8]) {
        let id = number(1...4)
        let isWrite = number(0...2) > 0
        var fields = self.fields()
        switch instance {
        case "helpdesk":
            fields["conversation_id"] = .string("c\(id)")
            return ("POST", isWrite ? "/update_conversation" : "/get_conversation", SandboxJSON.object(fields).encoded)
        case "fin":
            fields["conversation_id"] = .string("c\(id)")
            let timestamp = SandboxInstant(milliseconds: number(0...3) * 1000).iso8601
            fields["message"] = ["author": "user", "body": "Hello", "timestamp": .string(timestamp)]
            fields["user"] = ["id": .integer(id), "attributes": ["a": 1, "b": 2, "unknown": 3]]
            if number(0...3) > 0 { fields["user"] = ["id": "u", "attributes": ["a": 1, "b": 2, "unknown": 3]] }
            return ("POST", "/fin/reply", SandboxJSON.object(fields).encoded)
        case "voicebot":
            guard isWrite else { return ("GET", "/conversations?page=\(number(0...2))&per_page=\(number(1...3))", []) }
            return (number(0...3) == 0 ? "GET" : "PATCH", "/conversations/\(id)", SandboxJSON.object(fields).encoded)
        default:
            guard isWrite else { return ("GET", "/agents/a\(id % 2)/convos?limit=\(number(1...3))", []) }
            let body = SandboxJSON.object(["conversation": .object(fields)])
            return (number(0...3) == 0 ? "GET" : "PATCH", "/agents/a\(id % 2)/convos/c\(id)", body.encoded)
        }
    }

    /// Members that one or the other document has; sometimes many that none has.
    private mutating func fields() -> [String: SandboxJSON] {
        var fields: [String: SandboxJSON] = [:]
        if number(0...2) == 0 { fields["status"] = one(of: ["open", "closed", "done", "to-do", "in-progress"]) }
        if number(0...2) == 0 { fields["state"] = one(of: ["ended_chat", "ai-chatting", "completed", "nonsense"]) }
        if number(0...2) == 0 { fields["user_id"] = one(of: [7, 8, nil]) }
        if number(0...2) == 0 { fields["title"] = one(of: ["A & B", "Second", nil]) }
        if number(0...2) == 0 { fields["tags"] = one(of: [["a", "b"], ["c", 1], []]) }
        if number(0...9) == 0 { for position in 0..<number(1...40) { fields["unknown_\(position * 7 % 41)"] = .integer(position) } }
        return fields
    }

    private mutating func finish() {
        guard !inFlight.isEmpty else { return }
        let exchange = inFlight.remove(at: number(0...inFlight.count - 1))
        note(records: world.finish(exchange, isAnswered: number(0...3) > 0, now: now).map { [$0] } ?? [])
    }

    private mutating func control() {
        let instance = one(of: Self.instances)
        do throws(ControlRefusal) {
            switch number(0...11) {
            case 0...2: try act(on: instance)
            case 3, 4:
                let rules = [rule(), rule()]
                let left = try world.withInstance(instance) { instance in
                    instance.faults.replace(with: rules)
                    return instance.faults.description
                }
                transcript.append(left.text)
            case 5...7:
                let options = self.options()
                let all = try world.withInstance(instance) { instance throws(ControlRefusal) in try instance.mergeOptions(options) }
                transcript.append(all.text)
            case 8: try world.withInstance(instance) { $0.webhook = WebhookTarget(url: "http://hooks.example.com/", secret: "s") }
            case 9: try world.withInstance(instance) { $0.backUp() }
            case 10: try world.withInstance(instance) { instance throws(ControlRefusal) in try instance.restore() }
            default: if number(0...19) == 0 { world.reset() }
            }
        } catch {
            transcript.append(error.message)
        }
    }

    private mutating func act(on instance: String) throws(ControlRefusal) {
        var description: [String: SandboxJSON] = [
            "conversation": .string(instance == "voicebot" ? "\(number(1...4))" : "c\(number(1...4))")
        ]
        if instance.hasPrefix("vg") { description["agent"] = .string("a\(number(0...1))") }
        if instance == "fin" {
            description["reply"] = "<p>Yes</p>"
        } else if number(0...1) == 0 {
            description["at_ms"] = .integer(now.milliseconds)
        }
        if number(0...1) == 0 { try world.seed([.object(description)], on: instance, now: now) }
        note(calls: try world.act(.object(description), on: instance, now: now).calls)
    }

    private mutating func rule() -> FaultRule {
        var rule = FaultRule(one(of: FaultRule.Kind.allCases), times: number(1...5), latencyMilliseconds: one(of: [nil, 5, 100]))
        rule.probability = one(of: [0.2, 0.5, 1])
        rule.value = "ended_chat"
        rule.headers = ["A": "1", "B": "2", "C": "3"]
        rule.retryAfterDateSeconds = one(of: [nil, 3])
        return rule
    }

    private mutating func options() -> SandboxJSON {
        one(of: [
            ["rate_limit": ["per_second": 4, "retry_after": 1]], ["rate_limit": nil], ["concurrency_limit": 3], ["concurrency_limit": nil],
            ["deleted": ["c1", "a1/c2", "3"]], ["deleted": []], ["auto_create": false], ["auto_create": true], ["echo_writes": true],
            ["title_form": ["length": 4, "escape_ampersands": true]], ["refused_members": [["field": "title"]]], ["refused_members": []],
            ["reopens_with": "open", "lagging_reads": 2], ["write_response": "undated"],
            ["stale_changes": 3, "list_order": "last_modified"],
            ["agents": ["agent_1": "Ada"]], ["users": ["7": "Ada"]], ["users": [:]], ["unknown_attributes": ["unknown", "a"]],
        ])
    }

    private mutating func note(calls: [WebhookCall]) {
        for call in calls {
            transcript.append("\(call.url) \(call.headers) +\(call.delayMilliseconds) \(String(decoding: call.body, as: UTF8.self))")
        }
    }

    private mutating func note(records: [RequestRecord]) {
        for record in records {
            var writer = JSONWriter()
            record.write(into: &writer)
            transcript.append(String(decoding: writer.bytes, as: UTF8.self))
        }
    }

    private static func text(_ step: ConnectionStep) -> String {
        switch step {
        case .respond(let head, let body): "\(head) \(String(decoding: body, as: UTF8.self))"
        case .send(let bytes): "send \(String(decoding: bytes, as: UTF8.self))"
        default: "\(step)"
        }
    }
}
