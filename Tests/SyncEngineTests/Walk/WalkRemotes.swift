import SandboxModel
import SyncCore

/// The four remote systems, the faults of calls to them, and what people changed there.
struct WalkRemotes {
    /// An object at a remote, by its local conversation.
    struct Object: Hashable {
        let remote: String
        let conversation: String
    }

    /// How calls to a remote fare for a while.
    enum Weather: CaseIterable {
        case fair, down, failing, throttling, hanging, unauthorized, gateway
    }

    var world: SimulatedWorld
    var weather: [String: Weather] = [:]
    /// In percent of calls, in fair weather.
    var faultShare: Int

    // MARK: Counts for the bounds

    /// Calls that were sent, and those that did not end with a response to the service that made them.
    private(set) var writes: [Object: Int] = [:]
    private(set) var failedWrites: [Object: Int] = [:]
    /// The number of fields that people changed.
    var changes: [Object: Int] = [:]
    /// How often people chose a status value, and how often they assigned somebody.
    var chosen: [Object: [String: Int]] = [:]
    var taken: [Object: Int] = [:]
    var finEvents: [String: Int] = [:]
    /// Written and not shown since: a changed text is then taken for the form in which the remote stores it, whoever changed it.
    var unshown: Set<Object> = []
    /// The time of the last change by anybody.
    var changedAt: [Object: Instant] = [:]
    private(set) var history: [Object: [String]] = [:]

    init(_ plan: WalkPlan, seed: UInt64) throws {
        world = SimulatedWorld(token: WalkCall.token, recordLimit: 0, seed: seed)
        faultShare = plan.faultShare
        for remote in plan.remotes {
            try world.withInstance(remote.name) { instance in
                instance.options.echoesWrites = plan.options.echoesWrites
                instance.options.envelope = plan.options.envelope
                instance.options.staleChanges = plan.options.staleChanges
                // Without dates, an older state that no read had shown cannot be distinguished from a change.
                if remote.name != "voicebot" { instance.options.laggingReads = plan.options.laggingReads }
                if plan.options.isUndated { instance.options.writeResponse = .undated }
                if let webhook = remote.webhook {
                    instance.webhook = WebhookTarget(url: "http://convosync.example.com\(webhook.path)", secret: WalkPlan.secret)
                }
            }
        }
    }

    static func id(of conversation: String, at remote: String) -> String {
        switch remote {
        case "voicebot": "\((Int(conversation.dropFirst()) ?? 0) + 1)"
        case "vg": "v\(conversation.dropFirst())"
        default: conversation
        }
    }

    func state(_ object: Object) -> SandboxJSON? {
        world.state(of: object.remote, conversation: WalkRemotes.id(of: object.conversation, at: object.remote))
    }

    // MARK: Calls

    mutating func receive(_ call: WalkCall, _ fault: FaultRule?, now: Instant) -> SandboxModel.Exchange {
        let exchange = world.receive(call.request, fault: fault, now: SandboxInstant(milliseconds: Int(now.milliseconds)))
        if let conversation = call.conversation {
            let object = Object(remote: call.remote.name, conversation: conversation)
            unshown.insert(object)
            changedAt[object] = now
            // Fin reports its status in the response as well.
            if call.remote.kind.receivesMessages { finEvents[conversation, default: 0] += 1 }
            note("call \(call.text)", object, now)
        }
        return exchange
    }

    mutating func sent(_ call: WalkCall) {
        guard let conversation = call.conversation else { return }
        writes[Object(remote: call.remote.name, conversation: conversation), default: 0] += 1
    }

    /// - Parameter isHeard: whether the service that made the call got the response.
    mutating func ended(_ call: WalkCall, isHeard: Bool, now: Instant) {
        let isAnswered = if case .success(let reply)? = call.result { (200...299).contains(reply.status) } else { false }
        if let exchange = call.exchange {
            world.finish(exchange, isAnswered: isHeard && isAnswered, now: SandboxInstant(milliseconds: Int(now.milliseconds)))
        }
        guard let conversation = call.conversation else {
            if isHeard, isAnswered { shown(call) }
            return
        }
        let object = Object(remote: call.remote.name, conversation: conversation)
        if !isHeard || !isAnswered { failedWrites[object, default: 0] += 1 } else { unshown.remove(object) }
    }

    /// Notes what a read has shown.
    private mutating func shown(_ call: WalkCall) {
        guard case .read = call.purpose, case .success(let reply)? = call.result else { return }
        let shown = String(decoding: reply.body, as: UTF8.self)
        let objects = unshown.filter { object in
            object.remote == call.remote.name && shown.contains("\"\(WalkRemotes.id(of: object.conversation, at: object.remote))\"")
        }
        unshown.subtract(objects)
    }

    mutating func finReplied(_ conversation: String) { finEvents[conversation, default: 0] += 1 }

    mutating func note(_ text: String, _ object: Object, _ now: Instant) {
        history[object, default: []].append("\((now - WalkClock.start).milliseconds) \(text): \(state(object)?.text ?? "-")")
    }

    /// The bodies of the messages that Fin accepted, in order.
    func messages(_ conversation: String) -> [(author: String, body: String, timestamp: String)] {
        (world.state(of: "fin", conversation: conversation)?["messages"]?.array ?? []).map {
            ($0["author"]?.string ?? "", $0["body"]?.string ?? "", $0["timestamp"]?.string ?? "")
        }
    }
}
