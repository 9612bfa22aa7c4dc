/// One instance of one remote system: its state, options, faults and counts.
package struct RemoteInstance: Sendable {
    let name: String
    let kind: SimulatedKind
    private let defaultToken: String
    var system: any RemoteSystem
    package var options = InstanceOptions()
    package var faults: FaultPlan
    package var webhook: WebhookTarget?
    var tally = InstanceTally()
    /// The system at the time of the last control call `backup`.
    private var backup: (any RemoteSystem)?
    private var limiter = RateLimiter()

    /// - Parameter seed: for the faults with a probability.
    init(name: String, kind: SimulatedKind, token: String, seed: UInt64) {
        self.name = name
        self.kind = kind
        self.defaultToken = token
        self.faults = FaultPlan(seed: seed)
        self.system = kind.makeSystem()
    }

    /// Forgets conversations, options, faults and webhook; requests in flight stay counted.
    mutating func reset(seed: UInt64) {
        var fresh = RemoteInstance(name: name, kind: kind, token: defaultToken, seed: seed)
        fresh.tally = tally
        fresh.tally.clear()
        self = fresh
    }

    /// Stores everything that the system holds, as a backup does.
    package mutating func backUp() { backup = system }

    /// Restores everything that the system held at the time of the backup, including dates, without sending events.
    package mutating func restore() throws(ControlRefusal) {
        guard let backup else { throw ControlRefusal("there is no backup") }
        system = backup
    }

    /// Sets the options named by a control call; returns the values of all options.
    package mutating func mergeOptions(_ description: SandboxJSON) throws(ControlRefusal) -> SandboxJSON {
        try options.merge(description)
        return options.description
    }

    func context(now: SandboxInstant, sequence: Int, failsInside: Bool = false, isDated: Bool = false) -> RemoteContext {
        RemoteContext(options: options, now: now, sequence: sequence, failsInside: failsInside, isDated: isDated)
    }

    func calls(for events: [WebhookEvent]) -> [WebhookCall] {
        guard let webhook else { return [] }
        return events.map { kind.webhookProof.call(for: $0, to: webhook) }
    }
}

// MARK: Calls

extension RemoteInstance {
    /// Counts a request, applies a fault to it, and passes it to the system unless the fault keeps it away.
    ///
    /// - Parameter fault: applied to the request instead of one of the instance's rules.
    /// - Returns: the steps to carry out, and the record of the request, without the body.
    mutating func receive(
        _ call: RemoteCall,
        sequence: Int,
        fault chosen: FaultRule?,
        now: SandboxInstant
    ) -> (exchange: Exchange, record: RequestRecord) {
        let key = type(of: system).conversation(of: call)
        let inFlight = tally.arrive(key)
        let fault = chosen ?? faults.next(method: call.method, path: call.path, conversation: key)
        let context = context(now: now, sequence: sequence, failsInside: fault?.kind == .errorInside)
        var response: RemoteResponse
        if let fault, !fault.kind.reachesSystem(of: kind) {
            response = fault.response(to: call, kind: kind, context: context)
        } else {
            response = respond(to: call, othersInFlight: inFlight.others, context: context)
            fault?.distort(&response, of: &system, kind: kind, key: key)
        }
        let status = fault?.kind.sendsStatus == false ? nil : response.status
        tally.decide(outcome: response.outcome, fault: fault?.kind, status: status)
        let exchange = Exchange(
            ticket: Exchange.Ticket(sequence: sequence, instance: name, conversation: key),
            steps: fault?.steps(for: response, method: call.method) ?? response.steps(method: call.method),
            webhookCalls: status == nil ? [] : calls(for: response.events)
        )
        let isJSON = if case .success = call.body { true } else { false }
        let record = RequestRecord(
            sequence: sequence,
            arrivedAt: now,
            instance: name,
            kind: kind.name,
            method: call.method,
            path: call.path,
            query: call.request.target.queryText,
            isAuthorized: isAuthorized(call),
            contentType: call.contentType,
            idempotencyKey: call.request.headers["Idempotency-Key"],
            recordedHeaders: RequestRecord.recordedHeaders(of: call.request),
            agent: key?.agent,
            conversation: key?.conversation,
            bodySize: call.request.body.count,
            isBodyJSON: isJSON,
            othersInFlight: inFlight.others,
            othersInFlightSameConversation: inFlight.sameConversation,
            outcome: response.outcome,
            fault: fault?.kind,
            status: status,
            detail: response.detail
        )
        return (exchange, record)
    }

    private func isAuthorized(_ call: RemoteCall) -> Bool {
        guard let authorization = call.request.headers["Authorization"] else { return false }
        let scheme = "bearer "
        return authorization.prefix(scheme.count).lowercased() == scheme
            && authorization.dropFirst(scheme.count) == options.token ?? defaultToken
    }

    /// The system's response to a call, by its document alone.
    private mutating func respond(to call: RemoteCall, othersInFlight: Int, context: RemoteContext) -> RemoteResponse {
        do throws(RemoteRefusal) {
            guard isAuthorized(call) else {
                throw RemoteRefusal(status: 401, code: "unauthorized", message: "Access Token Invalid")
            }
            try checkLimits(othersInFlight: othersInFlight, now: context.now)
            var response = try system.respond(to: call, context: context)
            options.writeResponse.apply(to: &response, kind: kind)
            return response
        } catch {
            return kind.response(to: error, path: call.path, context: context)
        }
    }

    /// Throws 429 beyond the instance's limits.
    private mutating func checkLimits(othersInFlight: Int, now: SandboxInstant) throws(RemoteRefusal) {
        let code = "rate_limit_exceeded"
        if let limit = options.rateLimit, !limiter.take(limit: limit, now: now) {
            let wait = limit.retryAfterSeconds.map { [HTTPHeader("Retry-After", String($0))] } ?? []
            let headers = wait + kind.rateLimitHeaders(limit, now)
            throw RemoteRefusal(status: 429, code: code, message: "more requests than the rate limit allows", headers: headers)
        }
        if let limit = options.concurrencyLimit, othersInFlight >= limit {
            throw RemoteRefusal(status: 429, code: code, message: "more requests at once than the limit allows")
        }
    }
}
