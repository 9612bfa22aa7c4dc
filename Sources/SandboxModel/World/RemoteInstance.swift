/// One instance of one remote system: its state, options, faults and counts.
struct RemoteInstance: Sendable {
    let name: String
    let kind: RemoteKind
    private let defaultToken: String
    var system: any RemoteSystem
    var options = InstanceOptions()
    var faults: FaultPlan
    var tally = InstanceTally()
    var webhook: WebhookTarget?
    /// The system as it was when the control call `backup` was made.
    private var backup: (any RemoteSystem)?
    private var limiter = RateLimiter()

    init(name: String, kind: RemoteKind, token: String, seed: UInt64) {
        self.name = name
        self.kind = kind
        self.defaultToken = token
        self.faults = FaultPlan(seed: seed)
        self.system = Self.makeSystem(kind)
    }

    private static func makeSystem(_ kind: RemoteKind) -> any RemoteSystem {
        switch kind {
        case .helpdesk: HelpdeskSystem()
        case .fin: FinSystem()
        case .voicebot: VoicebotSystem()
        case .vg: VGSystem()
        }
    }

    /// Forgets conversations, options, faults and webhook; what is in flight stays counted.
    mutating func reset(seed: UInt64) {
        system = Self.makeSystem(kind)
        options = InstanceOptions()
        faults = FaultPlan(seed: seed)
        limiter = RateLimiter()
        webhook = nil
        backup = nil
        tally.clear()
    }

    mutating func backUp() { backup = system }

    /// Brings back everything that the system held at the time of the backup, dates included.
    mutating func restore() throws(ControlRefusal) {
        guard let backup else { throw ControlRefusal("there is no backup") }
        system = backup
    }

    func conversation(of call: RemoteCall) -> ConversationKey? {
        type(of: system).conversation(of: call)
    }

    func isAuthorized(_ call: RemoteCall) -> Bool {
        guard let authorization = call.authorization else { return false }
        let scheme = "bearer "
        return authorization.prefix(scheme.count).lowercased() == scheme
            && authorization.dropFirst(scheme.count) == options.token ?? defaultToken
    }

    func context(now: SandboxInstant, sequence: Int, refusesUserAttributes: Bool = false, isDated: Bool = false) -> RemoteContext {
        RemoteContext(options: options, now: now, sequence: sequence, refusesUserAttributes: refusesUserAttributes, isDated: isDated)
    }

    /// What the system answers to a call, by its document alone.
    mutating func answer(_ call: RemoteCall, othersInFlight: Int, context: RemoteContext) -> RemoteAnswer {
        do throws(RemoteRefusal) {
            guard isAuthorized(call) else {
                throw RemoteRefusal(status: 401, code: "unauthorized", message: "Access Token Invalid")
            }
            try checkLimits(othersInFlight: othersInFlight, now: context.now)
            var answer = try system.answer(call, context: context)
            options.writeResponse.apply(to: &answer, kind: kind)
            return answer
        } catch {
            return kind.answer(to: error, path: call.path, context: context)
        }
    }

    /// 429 beyond the instance's limits, with the headers of Intercom's general rate limit (docs/remotes.md, "fin") when it is fin.
    private mutating func checkLimits(othersInFlight: Int, now: SandboxInstant) throws(RemoteRefusal) {
        if let limit = options.rateLimit, !limiter.take(limit: limit, now: now) {
            var headers: [(name: String, value: String)] = []
            if let seconds = limit.retryAfterSeconds { headers.append(("Retry-After", String(seconds))) }
            if kind == .fin {
                headers.append(("X-RateLimit-Limit", String(Int(limit.perSecond))))
                headers.append(("X-RateLimit-Remaining", "0"))
                headers.append(("X-RateLimit-Reset", String(now.seconds + (limit.retryAfterSeconds ?? 1))))
            }
            let message = "more requests than the rate limit allows"
            throw RemoteRefusal(status: 429, code: "rate_limit_exceeded", message: message, headers: headers)
        }
        if let limit = options.concurrencyLimit, othersInFlight >= limit {
            throw RemoteRefusal(status: 429, code: "rate_limit_exceeded", message: "more requests at once than the limit allows")
        }
    }
}
