import Foundation
import SyncCore
import SyncHTTP
import Synchronization

/// The ways into a ``BridgeWorld``: answers calls as the documents of the four kinds show it, or fails as the seed says.
final class BridgeRemotes: HTTPTransport {
    let world: Mutex<BridgeWorld>
    private let now: @Sendable () -> Instant

    init(_ world: BridgeWorld, now: @escaping @Sendable () -> Instant) {
        self.world = Mutex(world)
        self.now = now
    }

    private enum Fate: CaseIterable {
        case refused, closedAfter, error, gatewayAfter, throttled, hung, hungAfter
        var isApplied: Bool { self == .closedAfter || self == .gatewayAfter || self == .hungAfter }
    }

    private enum Request {
        case list(BridgeWorld.Place, cursor: Int)
        case get(BridgeWorld.Key)
        case write(BridgeWorld.Key, JSONValue)
        case reply(String)
    }

    func shutdown() async {}

    func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
        let request = read(call)
        let (fate, writes) = world.withLock { world -> (Fate?, Int?) in
            if case .write(let key, _) = request {
                world.writes[key, default: 0] += 1
                if !world.inFlight.insert(key).inserted { world.violations.append("two calls in flight for \(key)") }
            } else {
                world.reads += 1
            }
            var fate = world.chance(world.faultShare) ? Fate.allCases.randomElement(using: &world.random) : nil
            if world.losesAnswers, case .write = request { fate = .closedAfter }
            if fate != nil, case .write(let key, _) = request { world.failedWrites[key, default: 0] += 1 }
            if case .get(let key) = request { return (fate, world.inFlight.contains(key) ? nil : world.writes[key]) }
            return (fate, nil)
        }
        // Some calls are under way for a while: others may change things meanwhile.
        let slowness = world.withLock { world in
            world.faultShare > 0 && world.chance(40) ? Int.random(in: 1...12, using: &world.random) : 0
        }
        if slowness > 0 { try? await Task.sleep(for: .milliseconds(slowness)) }
        var body: JSONValue = .null
        if fate == nil || fate?.isApplied == true { body = answer(request) }
        if slowness > 0 { try? await Task.sleep(for: .milliseconds(slowness)) }
        if fate == .hung || fate == .hungAfter { try? await Task.sleep(for: .milliseconds(25)) }
        switch request {
        case .write(let key, _):
            world.withLock { world in
                world.inFlight.remove(key)
                if fate == nil, body["data"] != nil { world.unshown.remove(key) }
                if let fate { world.note("call ended: \(fate)", key, at: now()) }
            }
        case .get(let key) where fate == nil:
            // Of a call that began meanwhile it shows nothing.
            world.withLock { world in if world.writes[key] == writes { world.unshown.remove(key) } }
        default: break
        }
        switch fate {
        case nil: return HTTPReply(status: 200, body: Array(body.text.utf8))
        case .refused?: throw TransportFailure(.connectionRefused, detail: "simulated")
        case .closedAfter?: throw TransportFailure(.connectionClosed, detail: "simulated")
        case .hung?, .hungAfter?: throw TransportFailure(.timeout, detail: "simulated")
        case .error?: return HTTPReply(status: 500)
        case .gatewayAfter?: return HTTPReply(status: 502)
        case .throttled?: return HTTPReply(status: 429, headers: ["retry-after": "0.002"])
        }
    }

    private func read(_ call: HTTPCall) -> Request {
        let url = URLComponents(string: call.url)
        let path = (url?.path ?? "").split(separator: "/").map(String.init)
        let place = BridgeWorld.Place(rawValue: url?.host?.split(separator: ".").first.map(String.init) ?? "")
        let body = (try? JSONValue(text: call.body)) ?? .null
        let id = body["conversation_id"]?.stringValue
        guard let place else { return .reply(id ?? "") }
        if place == .helpdesk {
            let key = BridgeWorld.Key(place: place, id: id ?? "")
            return path.last == "get_conversation" ? .get(key) : .write(key, body)
        }
        if path.last == "conversations" || path.last == "convos" {
            let cursor = url?.queryItems?.first { $0.name == "page" || $0.name == "cursor" }?.value.flatMap(Int.init) ?? 1
            return .list(place, cursor: cursor)
        }
        let key = BridgeWorld.Key(place: place, id: path.last ?? "")
        return call.method == "GET" ? .get(key) : .write(key, body)
    }

    private func answer(_ request: Request) -> JSONValue {
        let now = now()
        return world.withLock { world in
            switch request {
            case .list(let place, let cursor): return world.list(place, page: cursor)
            case .get(let key):
                world.note("read", key, at: now)
                return world.document(of: key, at: world.objects[key])
            case .write(let key, let body):
                world.apply(body, to: key, now: now)
                // Not every remote answers with the object.
                let answer = world.chance(60) ? world.document(of: key, at: world.objects[key]) : ["success": true]
                world.note("answers \(answer.text)", key, at: now)
                return answer
            case .reply(let conversation):
                let word = world.finTakes(conversation, now: now)
                var answer: JSONObject = ["conversation_id": .string(conversation), "status": .string(word)]
                if world.chance(70) { answer["created_at_ms"] = .string(now.iso8601) }
                return .object(answer)
            }
        }
    }
}

// MARK: Documents

extension BridgeWorld {
    private static let pageSize = 5

    mutating func apply(_ body: JSONValue, to key: Key, now: Instant) {
        var object = objects[key] ?? Object()
        let fields = body["conversation"] ?? body
        let status = fields["status"]?.stringValue ?? fields["state"]?.stringValue
        if let status { object.word = status == "ended_chat" ? finishedWord : status }
        switch fields["user_id"] {
        case .integer(let id)?: object.user = id
        case .null?: object.user = nil
        default: break
        }
        if let assignee = fields["assignee_id"] { object.assignee = assignee.stringValue }
        if let title = fields["title"]?.stringValue { object.title = title }
        if let tags = fields["tags"]?.arrayValue?.compactMap(\.stringValue) {
            switch key.place {
            // vg merges tags: nothing is ever taken away.
            case .vg: object.tags += tags.filter { !object.tags.contains($0) }
            case .helpdesk, .voicebot: object.tags = sortsTags ? tags.sorted() : tags
            }
        }
        object.changedAt = now
        objects[key] = object
        unshown.insert(key)
        note("call \(body.text)", key, at: now)
    }

    func document(of key: Key, at object: Object?) -> JSONValue {
        guard let object else { return [:] }
        var document: JSONObject = [:]
        switch key.place {
        case .voicebot:
            document["id"] = Int64(key.id).map(JSONValue.integer)
            document["status"] = .string(object.word)
            document["user"] = object.user.map { ["id": .integer($0)] } ?? .null
            document["last_customer_reply_from"] = .nullable(object.lastUserMessageAt?.iso8601)
            return ["data": .object(document)]
        case .vg:
            let milliseconds = object.changedAt.milliseconds
            document = [
                "ID": .string(key.id), "state": .string(object.word), "tags": .array(object.tags.map(JSONValue.string)),
                "lastModified": .integer(datesSeconds ? milliseconds / 1000 : milliseconds),
            ]
            document["title"] = object.title.map(JSONValue.string)
            return ["success": true, "data": .object(document)]
        case .helpdesk:
            return [
                "data": [
                    "id": .string(key.id), "status": .string(object.word), "title": .nullable(object.title),
                    "tags": .array(object.tags.map(JSONValue.string)), "updated_at": .string(object.changedAt.iso8601),
                ]
            ]
        }
    }

    func list(_ place: Place, page: Int) -> JSONValue {
        let all = mirror.filter { $0.key.place == place }.sorted {
            ($1.value.changedAt, $0.key.id) < ($0.value.changedAt, $1.key.id)
        }
        let rows = all.dropFirst((page - 1) * BridgeWorld.pageSize).prefix(BridgeWorld.pageSize)
        let documents = JSONValue.array(rows.map { document(of: $0.key, at: $0.value)["data"] ?? .null })
        let hasMore = page * BridgeWorld.pageSize < all.count
        if place == .vg { return ["success": true, "data": documents, "nextCursor": hasMore ? .string("\(page + 1)") : .null] }
        let next = "https://voicebot.example.com/conversations?page=\(page + 1)"
        return [
            "data": documents, "links": ["next": hasMore ? .string(next) : .null], "meta": ["current_page": .integer(Int64(page))],
        ]
    }
}
