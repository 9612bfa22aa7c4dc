import Foundation
import SeededRandom
import SyncCore
import SyncHTTP
import Synchronization

/// The four remote systems as one value behind a lock: they apply what they are sent, and fail as a seed says.
///
/// Titles of conversations are version numbers, so that "an older state after a newer one" can be seen.
final class SimulatedRemotes: Sendable {
    struct World {
        /// Remote fields by host and object.
        var objects: [String: Fields] = [:]
        var messages: [String: [String]] = [:]
        var calls = 0
        var violations: [String] = []
        /// Keys by object and body: a repetition has to carry the key of the first try.
        var keys: [String: String] = [:]
        var inFlight: Set<String> = []
        var random: SeededGenerator
        /// In percent of calls.
        var faultShare: Int
    }

    let world: Mutex<World>

    init(seed: UInt64, faultShare: Int) {
        world = Mutex(World(random: SeededGenerator(seed: seed), faultShare: faultShare))
    }

    private enum Fate {
        case answer, failBefore, failAfter, refuse, throttle
    }

    func handle(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
        let url = URLComponents(string: call.url)
        let body = (try? JSONValue(text: call.body)) ?? .null
        let object = "\(url?.host ?? "")\(body["conversation_id"]?.stringValue ?? url?.path ?? "")"
        let key = call.headers.first { $0.name == "Idempotency-Key" }?.value ?? ""
        let fate = world.withLock { world -> Fate in
            world.calls += 1
            if !world.inFlight.insert(object).inserted { world.violations.append("two calls in flight for \(object)") }
            if let message = body["message"] {
                let known = world.keys.updateValue(key, forKey: object + message.text)
                if let known, known != key { world.violations.append("a repetition of \(object) has another key") }
            }
            guard Int.random(in: 0..<100, using: &world.random) < world.faultShare else { return .answer }
            return [.failBefore, .failAfter, .refuse, .throttle].randomElement(using: &world.random) ?? .answer
        }
        await Task.yield()
        if fate == .answer || fate == .failAfter { apply(body, to: object) }
        world.withLock { _ = $0.inFlight.remove(object) }
        switch fate {
        case .answer: return HTTPReply(status: 200, body: Array(#"{"success":true}"#.utf8))
        case .failBefore: throw TransportFailure(.connectionRefused, detail: "simulated")
        case .failAfter: throw TransportFailure(.connectionClosed, detail: "simulated")
        case .refuse: return HTTPReply(status: 500)
        case .throttle: return HTTPReply(status: 429, headers: ["retry-after": "0.002"])
        }
    }

    private func apply(_ body: JSONValue, to object: String) {
        world.withLock { world in
            if let message = body["message"] {
                // Fin recognises a repetition by its timestamp.
                let timestamp = message["timestamp"]?.stringValue ?? ""
                if world.messages[object]?.contains(timestamp) != true { world.messages[object, default: []].append(timestamp) }
                return
            }
            let fields = body["conversation"]?.objectValue ?? body.objectValue ?? [:]
            if let before = world.objects[object]?["title"]?.stringValue.flatMap({ Int($0) }),
                let after = fields["title"]?.stringValue.flatMap({ Int($0) }), after < before
            {
                world.violations.append("\(object) went back from \(before) to \(after)")
            }
            world.objects[object, default: [:]].merge(fields) { $1 }
        }
    }
}

/// One remote's way into the simulation.
struct SimulatedTransport: HTTPTransport {
    let remotes: SimulatedRemotes

    func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply { try await remotes.handle(call) }
    func shutdown() async {}
}
