/// The control calls under `/_control/`: faults, options, acts, backups and reports. They need no credential and are not recorded.
struct ControlInterface: Sendable {
    static let prefix = "_control"

    struct Response: Sendable {
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

    /// The number of records in a response if the call sets no limit.
    static let defaultRequestLimit = 10_000

    let world: SandboxWorld
    let webhooks: WebhookSender

    func respond(method: String, target: RequestTarget, body: [UInt8]) -> ConnectionStep {
        let response = response(method: method, target: target, body: body)
        return .response(response.status, body: response.body, method: method)
    }

    private func response(method: String, target: RequestTarget, body: [UInt8]) -> Response {
        let segments = Array(target.segments.dropFirst())
        do throws(ControlRefusal) {
            switch segments {
            case ["requests"]: return try requests(method: method, query: target.query)
            case ["summary"]: return method == "GET" ? Response(world.summary()) : Self.methodNotAllowed("GET")
            case ["reset"]:
                guard method == "POST" else { return Self.methodNotAllowed("POST") }
                world.reset()
                return Self.done
            default:
                guard segments.count == 2 || (segments.count == 3 && segments[1] == "state"), SimulatedKind.resolve(segments[0]) != nil
                else { return Response(status: 404, ["error": "no such control call"]) }
                return try instanceCall(method: method, segments: segments, body: body)
            }
        } catch {
            return Response(status: 400, ["error": .string(error.message)])
        }
    }

    private func instanceCall(method: String, segments: [String], body: [UInt8]) throws(ControlRefusal) -> Response {
        let instance = segments[0]
        switch segments[1] {
        case "faults": return try faults(method: method, instance: instance, body: body)
        case "options": return try options(method: method, instance: instance, body: body)
        case "webhook": return try webhook(method: method, instance: instance, body: body)
        case "act":
            guard method == "POST" else { return Self.methodNotAllowed("POST") }
            let (events, calls) = try world.act(Self.read(body), on: instance)
            webhooks.enqueue(calls)
            return Response(["events": .integer(events), "sent": .boolean(!calls.isEmpty)])
        case "backup", "restore":
            guard method == "POST" else { return Self.methodNotAllowed("POST") }
            try segments[1] == "backup" ? world.backUp(instance) : world.restore(instance)
            return Self.done
        case "seed":
            guard method == "POST" else { return Self.methodNotAllowed("POST") }
            let description = try Self.read(body)
            let descriptions = description.array ?? [description]
            try world.seed(descriptions, on: instance)
            return Response(["seeded": .integer(descriptions.count)])
        case "state":
            guard method == "GET" else { return Self.methodNotAllowed("GET") }
            return state(instance: instance, conversation: segments.count == 3 ? segments[2] : nil)
        default:
            return Response(status: 404, ["error": "no such control call"])
        }
    }

    private func state(instance: String, conversation: String?) -> Response {
        guard let conversation else {
            let conversations = world.state(of: instance)
            return Response(["count": .integer(conversations.count), "conversations": .array(conversations)])
        }
        guard let state = world.state(of: instance, conversation: conversation) else {
            return Response(status: 404, ["error": "no such conversation"])
        }
        return Response(state)
    }

    private func requests(method: String, query: [String: String]) throws(ControlRefusal) -> Response {
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
            return Response(raw: writer.bytes)
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

    static let done = Response(["done": true])

    static func methodNotAllowed(_ allowed: String) -> Response {
        Response(status: 405, ["error": .string("allowed here: \(allowed)")])
    }

    static func read(_ body: [UInt8]) throws(ControlRefusal) -> SandboxJSON {
        guard !body.isEmpty else { throw ControlRefusal("the body is empty") }
        switch SandboxJSON.reading(body) {
        case .failure(let error): throw ControlRefusal("the body is not JSON: \(error)")
        case .success(let value): return value
        }
    }
}
