import SandboxModel
import SyncCore

/// The four remote systems, the faults of calls to them, and what people changed there.
struct RemoteSystems {
    /// An object at a remote, by its local conversation.
    struct Object: Hashable {
        let remote: String
        let conversation: String
    }

    /// How calls to a remote fare for a while.
    enum Weather: CaseIterable {
        case fair, down, failing, throttling, hanging, unauthorized, gateway
        /// Every call is applied, and no response comes back.
        case silent
        /// It can be read, and takes no changes for now.
        case throttlingChanges
        /// It can be read, and refuses every change.
        case refusingChanges
        /// It refuses every change of tags, without saying why.
        case refusingTags

        /// What comes by itself: a remote that refuses something would need an operator after that.
        static let drawn = allCases.filter { ![.refusingChanges, .refusingTags].contains($0) }
    }

    var world: SimulatedWorld
    var weather: [String: Weather] = [:]
    /// In percent of calls, in fair weather.
    var faultShare: Int
    /// In percent of those.
    let refusalShare: Int

    // MARK: Counts for the bounds

    /// Calls that were sent, and those of them of which the service did not record that they were acknowledged.
    private(set) var writes: [Object: Int] = [:]
    private(set) var failedWrites: [Object: Int] = [:]
    /// Calls that were acknowledged, by their lease, until that is recorded, and the process that knows it.
    private var unrecorded: [Int64: (object: Object, process: Int)] = [:]
    /// Whether a process knows that a call was acknowledged, and the database does not.
    func hasUnrecorded(_ process: Int) -> Bool { unrecorded.values.contains { $0.process == process } }

    /// Reads whose change was refused.
    private(set) var refusals: [Object: Int] = [:]
    /// How often something was decided about what the remote showed.
    private(set) var comparisons: [Object: Int] = [:]
    /// What people changed.
    var choices: [Object: Choices] = [:]
    var finEvents: [String: Int] = [:]
    /// Objects of which a response did not say what is true.
    private(set) var misstated: Set<Object> = []
    /// Written and not shown since, by the number of the call: what a text becomes there is taken for the form in which it is stored,
    /// whoever changed it.
    private(set) var unshown: [Object: Int] = [:]
    /// The time of the last change by anybody.
    var changedAt: [Object: Instant] = [:]
    /// When people last changed something.
    private var peopleChangedAt: [Object: Instant] = [:]
    /// When a remote last made calls wait.
    private var throttledAt: [String: Instant] = [:]
    /// When a read of it last brought nothing that says what is there.
    private var unreadAt: [Object: Instant] = [:]
    /// When the service last got to see it by itself, not in a list.
    private(set) var readAt: [Object: Instant] = [:]
    /// The latest of the application's titles that arrived.
    private var lastTitle: [Object: Int] = [:]
    /// What lists showed, by remote and path.
    private var lists: [String: HTTPReply] = [:]
    private(set) var history: [Object: [String]] = [:]
    private let conversations: [String]
    private let endedAs: String?
    let knownTags: [String]
    let isHostile: Bool
    private let keepsHistory: Bool

    /// - Parameter keepsHistory: whether it is kept what happened to each object.
    init(_ plan: WorldPlan, seed: UInt64, keepsHistory: Bool) throws {
        self.keepsHistory = keepsHistory
        conversations = plan.conversations
        endedAs = plan.options.endedAs
        (knownTags, isHostile) = (plan.tags, plan.isHostile)
        world = SimulatedWorld(token: SimulatedCall.token, recordLimit: 0, seed: seed)
        (faultShare, refusalShare) = (plan.faultShare, plan.refusals)
        for remote in plan.remotes {
            try world.withInstance(remote.name) { instance in
                instance.options.echoesWrites = plan.options.echoesWrites
                instance.options.envelope = plan.options.envelope
                instance.options.staleChanges = plan.options.staleChanges
                instance.options.titleForm = plan.options.titleForm
                instance.options.sortsTags = plan.options.sortsTags
                // Without dates, an older state that no read had shown cannot be distinguished from a change.
                if remote.name != "voicebot" { instance.options.laggingReads = plan.options.laggingReads }
                if plan.options.isUndated { instance.options.writeResponse = .undated }
                if let webhook = remote.webhook {
                    instance.webhook = WebhookTarget(url: "http://convosync.example.com\(webhook.path)", secret: WorldPlan.secret)
                }
            }
        }
    }

    /// The id that the object of a conversation has at a remote.
    static func id(of conversation: String, at remote: String) -> String {
        let rest = conversation.unicodeScalars.dropFirst()
        switch remote {
        case "voicebot": return "\((Int(String(rest.prefix { ("0"..."9").contains($0) })) ?? 0) + 1)"
        case "vg": return "v\(String(rest))"
        default: return conversation
        }
    }

    func state(_ object: Object) -> SandboxJSON? {
        world.state(of: object.remote, conversation: RemoteSystems.id(of: object.conversation, at: object.remote))
    }

    // MARK: Calls

    mutating func receive(_ call: SimulatedCall, _ fault: FaultRule?, now: Instant) -> SandboxModel.Exchange {
        let exchange = world.receive(
            call.request, fault: fault ?? habit(with: call), now: SandboxInstant(milliseconds: Int(now.milliseconds)))
        if let conversation = call.conversation {
            let object = Object(remote: call.remote.name, conversation: conversation)
            unshown[object] = exchange.ticket?.sequence
            changedAt[object] = now
            // Fin reports its status in the response as well.
            if call.remote.kind.receivesMessages { finEvents[conversation, default: 0] += 1 }
            note("call \(call.text)", object, now)
        }
        return exchange
    }

    /// vg calls an end what it likes.
    private func habit(with call: SimulatedCall) -> FaultRule? {
        guard let endedAs, call.remote.name == "vg", case .deliver(let row) = call.purpose, row.body.contains("\"ended_chat\"") else {
            return nil
        }
        var rule = FaultRule(.drift)
        rule.value = endedAs
        return rule
    }

    /// - Returns: what is wrong with a call that arrives: it brings a title of the application after a later one.
    mutating func problem(with call: SimulatedCall) throws -> String? {
        guard let conversation = call.conversation, let number = try Titles.number(in: call) else { return nil }
        let object = Object(remote: call.remote.name, conversation: conversation)
        let last = lastTitle[object] ?? number
        lastTitle[object] = max(last, number)
        return number < last ? "\(object) gets title \(number) after title \(last)" : nil
    }

    /// How long ago people may have changed what a guarded call replaces: a read counts for as long as that, and takes a while itself.
    private func patience(with remote: Remote) -> Duration {
        let spacing = remote.gate.rate.map { $0.period.milliseconds / Int64(max($0.calls, 1)) } ?? 0
        return TwoWayRules.standardLag + .milliseconds(spacing * 4) + remote.limits.totalTimeout + .seconds(1)
    }

    /// - Parameter begun: when the call was made.
    /// - Returns: what is wrong with a call that arrives: it replaces a status value that it must not replace, and that has been there for long.
    func guardProblem(with call: SimulatedCall, begun: Instant) -> String? {
        guard let conversation = call.conversation, case .deliver(let row) = call.purpose,
            call.remote.poll != nil || call.remote.webhook != nil,
            let field = call.remote.adapter.statusField, let word = row.delta?.fields[field]?.stringValue
        else { return nil }
        let object = Object(remote: call.remote.name, conversation: conversation)
        guard let present = state(object)?[field]?.string, call.remote.profile.statusMap.neverOver[word]?.contains(present) == true,
            // A value in doubt is sent again first (two-way rule).
            row.known.linkRecord[field].doubt.isEmpty, row.row.inDoubtSince == nil
        else { return nil }
        let latest = begun - patience(with: call.remote)
        // A row that the remote makes wait after each of its reads is sent after the second.
        if let throttled = throttledAt[call.remote.name], throttled >= begun - .hours(1) { return nil }
        guard let changed = peopleChangedAt[object], changed < latest, unreadAt[object].map({ $0 < latest }) ?? true else { return nil }
        return "\(object): \(word) replaces \(present), which people have set \((begun - changed).milliseconds) ms before"
    }

    mutating func sent(_ call: SimulatedCall) {
        guard let conversation = call.conversation else { return }
        writes[Object(remote: call.remote.name, conversation: conversation), default: 0] += 1
    }

    /// It arrives after its lease is over, so that the remote may show an older state for a while. What it carries is sent again, and so is what was
    /// sent meanwhile.
    mutating func overtaken(_ call: SimulatedCall) {
        guard let conversation = call.conversation else { return }
        let object = Object(remote: call.remote.name, conversation: conversation)
        misstated.insert(object)
        failedWrites[object, default: 0] += 1
    }

    /// A cache in front of the remote keeps what lists show.
    /// - Parameter isOld: it shows what it has instead of asking the remote.
    mutating func throughCache(_ call: inout SimulatedCall, isOld: Bool) {
        guard call.isList, case .success(let reply)? = call.result, reply.status == 200 else { return }
        let place = "\(call.remote.name) \(call.request.target.path)"
        if isOld, let old = lists[place] { call.result = .success(old) } else { lists[place] = reply }
    }

    /// - Parameter isHeard: whether the service that made the call got the response.
    mutating func ended(_ call: SimulatedCall, isHeard: Bool, now: Instant) {
        let isAnswered = if case .success(let reply)? = call.result { (200...299).contains(reply.status) && !call.isGarbled } else { false }
        if let exchange = call.exchange {
            world.finish(exchange, isAnswered: isHeard && isAnswered, now: SandboxInstant(milliseconds: Int(now.milliseconds)))
        }
        if case .success(let reply)? = call.result, reply.status == 429 || reply.status == 503 { throttledAt[call.remote.name] = now }
        guard let conversation = call.conversation else {
            if isHeard, isAnswered { shown(call, now: now) }
            if !isHeard || !isAnswered, let object = object(readBy: call) { unreadAt[object] = now }
            return
        }
        let object = Object(remote: call.remote.name, conversation: conversation)
        if isHeard, call.isGarbled { misstated.insert(object) }
        if isHeard, isAnswered {
            unshown[object] = nil
            if case .deliver(let row) = call.purpose { unrecorded[row.lease] = (object, call.process) }
        } else {
            // A refused call is made again field by field.
            failedWrites[object, default: 0] += call.isRefused ? call.fieldCount : 1
        }
    }

    /// The database has the outcomes of these calls, or refused them because their lease was over.
    mutating func recorded(_ calls: [FinishedCall], fenced: [Int64]) {
        for call in calls {
            guard let object = unrecorded.removeValue(forKey: call.claimed.lease)?.object else { continue }
            if fenced.contains(call.claimed.id) { failedWrites[object, default: 0] += 1 }
        }
    }

    mutating func reconciled(_ reports: [Reconciled]) {
        for report in reports {
            let object = Object(remote: report.remote, conversation: report.conversationID)
            if report.verdict.kind == .refused { refusals[object, default: 0] += 1 }
            if report.verdict.isDecision { comparisons[object, default: 0] += 1 }
        }
    }

    /// What the process had not recorded is lost with it.
    mutating func processEnded(_ process: Int) {
        for entry in unrecorded.values where entry.process == process { failedWrites[entry.object, default: 0] += 1 }
        unrecorded = unrecorded.filter { $0.value.process != process }
    }

    /// What a read of an object has shown is known; of a call that arrived later it shows nothing.
    private mutating func shown(_ call: SimulatedCall, now: Instant) {
        guard let sequence = call.exchange?.ticket?.sequence, let object = object(readBy: call) else { return }
        readAt[object] = now
        if let written = unshown[object], written < sequence { unshown[object] = nil }
    }

    private func object(readBy call: SimulatedCall) -> Object? {
        guard let id = call.readID,
            let conversation = conversations.first(where: { RemoteSystems.id(of: $0, at: call.remote.name) == id })
        else { return nil }
        return Object(remote: call.remote.name, conversation: conversation)
    }

    mutating func peopleChanged(_ object: Object, now: Instant) { peopleChangedAt[object] = now }

    /// The conversation is gone here, with all that was counted; one with the same id is another one.
    mutating func forgot(_ conversation: String) {
        for remote in ["helpdesk", "voicebot", "vg", "fin"] {
            let object = Object(remote: remote, conversation: conversation)
            (writes[object], failedWrites[object], refusals[object]) = (nil, nil, nil)
        }
    }

    /// Nothing of what was acknowledged is known any more.
    mutating func unheard() {
        unrecorded = [:]
        lastTitle = [:]
    }

    mutating func finReplied(_ conversation: String) { finEvents[conversation, default: 0] += 1 }

    mutating func note(_ text: @autoclosure () -> String, _ object: Object, _ now: Instant) {
        guard keepsHistory else { return }
        history[object, default: []].append("\((now - VirtualClock.start).milliseconds) \(text()): \(state(object)?.text ?? "-")")
    }

    /// The bodies of the messages that Fin accepted, in order.
    func messages(_ conversation: String) -> [(author: String, body: String, timestamp: String)] {
        (world.state(of: "fin", conversation: conversation)?["messages"]?.array ?? []).map {
            ($0["author"]?.string ?? "", $0["body"]?.string ?? "", $0["timestamp"]?.string ?? "")
        }
    }
}

extension Verdict {
    /// Another value was shown than the one that both sides had agreed on.
    fileprivate var isDecision: Bool {
        [.adopted, .conflict, .kept, .refused, .left, .braked].contains(kind) || changes.title != nil || titleWinner != nil
    }
}
