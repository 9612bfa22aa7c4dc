import NIOCore

/// The control calls under `/_control/`: faults, options, acts, backups and reports. They need no credential and are not recorded.
struct ControlInterface: Sendable {
    static let prefix = "_control"

    struct Answer: Sendable {
        var status = 200
        let body: [UInt8]

        init(status: Int = 200, _ value: SandboxJSON) {
            self.status = status
            self.body = value.encoded
        }

        init(raw body: [UInt8]) {
            self.body = body
        }
    }

    /// Records in one answer when the call names no limit.
    static let defaultRequestLimit = 10_000

    let world: SandboxWorld
    let webhooks: WebhookSender

    func answer(method: String, segments: [String], query: [String: String], body: ByteBuffer) async -> Answer {
        do throws(ControlRefusal) {
            switch segments {
            case ["requests"]: return try requests(method: method, query: query)
            case ["summary"]: return method == "GET" ? Answer(world.summary()) : Self.methodNotAllowed("GET")
            case ["reset"]:
                guard method == "POST" else { return Self.methodNotAllowed("POST") }
                world.reset()
                return Self.done
            default:
                guard segments.count == 2 || (segments.count == 3 && segments[1] == "state"), RemoteKind.resolve(segments[0]) != nil else {
                    return Answer(status: 404, ["error": "no such control call"])
                }
                return try instanceCall(method: method, segments: segments, body: body)
            }
        } catch {
            return Answer(status: 400, ["error": .string(error.message)])
        }
    }

    private func instanceCall(method: String, segments: [String], body: ByteBuffer) throws(ControlRefusal) -> Answer {
        let instance = segments[0]
        switch segments[1] {
        case "faults": return try faults(method: method, instance: instance, body: body)
        case "options": return try options(method: method, instance: instance, body: body)
        case "webhook": return try webhook(method: method, instance: instance, body: body)
        case "act":
            guard method == "POST" else { return Self.methodNotAllowed("POST") }
            let (events, target, kind) = try world.act(Self.read(body), on: instance)
            if let target { webhooks.enqueue(events, to: target, kind: kind) }
            return Answer(["events": .integer(events.count), "sent": .boolean(target != nil && !events.isEmpty)])
        case "backup", "restore":
            guard method == "POST" else { return Self.methodNotAllowed("POST") }
            try segments[1] == "backup" ? world.backUp(instance) : world.restore(instance)
            return Self.done
        case "seed":
            guard method == "POST" else { return Self.methodNotAllowed("POST") }
            let description = try Self.read(body)
            let descriptions = description.array ?? [description]
            try world.seed(descriptions, on: instance)
            return Answer(["seeded": .integer(descriptions.count)])
        case "state":
            guard method == "GET" else { return Self.methodNotAllowed("GET") }
            return state(instance: instance, conversation: segments.count == 3 ? segments[2] : nil)
        default:
            return Answer(status: 404, ["error": "no such control call"])
        }
    }

    private func state(instance: String, conversation: String?) -> Answer {
        guard let conversation else {
            let conversations = world.state(of: instance)
            return Answer(["count": .integer(conversations.count), "conversations": .array(conversations)])
        }
        guard let state = world.state(of: instance, conversation: conversation) else {
            return Answer(status: 404, ["error": "no such conversation"])
        }
        return Answer(state)
    }

    private func requests(method: String, query: [String: String]) throws(ControlRefusal) -> Answer {
        switch method {
        case "GET":
            let limit = try Self.number(query, "limit", fallback: Self.defaultRequestLimit)
            let records = world.requests(
                instance: query["instance"],
                conversation: query["conversation"],
                after: try Self.number(query, "after", fallback: 0),
                limit: limit
            )
            var writer = JSONWriter(capacity: 512 * (records.count + 1))
            writer.write(literal: "{\"count\":")
            writer.write(.integer(records.count))
            writer.write(literal: ",\"last\":")
            writer.write(.optional(records.last?.sequence))
            writer.write(literal: ",\"more\":")
            writer.write(.boolean(records.count == limit))
            writer.write(literal: ",\"requests\":[")
            for (position, record) in records.enumerated() {
                if position > 0 { writer.write(literal: ",") }
                record.write(into: &writer)
            }
            writer.write(literal: "]}")
            return Answer(raw: writer.bytes)
        case "DELETE":
            world.clearRequests()
            return Self.done
        default:
            return Self.methodNotAllowed("GET, DELETE")
        }
    }

    private static func number(_ query: [String: String], _ name: String, fallback: Int) throws(ControlRefusal) -> Int {
        guard let text = query[name] else { return fallback }
        guard let value = Int(text), value >= 0 else { throw ControlRefusal("\(name) must be a number") }
        return value
    }

    static let done = Answer(["done": true])

    static func methodNotAllowed(_ allowed: String) -> Answer {
        Answer(status: 405, ["error": .string("allowed here: \(allowed)")])
    }

    static func read(_ body: ByteBuffer) throws(ControlRefusal) -> SandboxJSON {
        switch RequestReader.read(body) {
        case .none: throw ControlRefusal("the body is empty")
        case .failure(let error): throw ControlRefusal("the body is not JSON: \(error)")
        case .success(let value): return value
        }
    }
}
