/// Direct access for tests and benchmarks in the same process: the same as the control calls, without HTTP.
extension SandboxWorld {
    /// Changes one instance; creates it when it was not used yet.
    private func change<Result: Sendable>(
        _ name: String,
        at date: SandboxInstant? = nil,
        _ body: (inout RemoteInstance, RemoteContext) throws(ControlRefusal) -> Result
    ) throws(ControlRefusal) -> Result {
        guard let (_, canonical) = RemoteKind.resolve(name) else { throw ControlRefusal("\(name) is not an instance name") }
        return try withState { state throws(ControlRefusal) in
            guard prepare(canonical, in: &state), var instance = state.instances[canonical] else {
                throw ControlRefusal("more than \(Self.maximumInstances) instances")
            }
            // Taken out while it is changed, so that its state is not copied.
            state.instances[canonical] = nil
            defer { state.instances[canonical] = instance }
            state.actCount += 1
            let context = instance.context(now: date ?? .now(), sequence: -state.actCount, isDated: date != nil)
            return try body(&instance, context)
        }
    }

    package func setFaults(_ rules: [FaultRule], on instance: String) throws(ControlRefusal) {
        try change(instance) { instance, _ throws(ControlRefusal) in instance.faults.replace(with: rules) }
    }

    package func addFaults(_ rules: [FaultRule], on instance: String) throws(ControlRefusal) {
        try change(instance) { instance, _ throws(ControlRefusal) in instance.faults.append(rules) }
    }

    package func faults(on instance: String) throws(ControlRefusal) -> SandboxJSON {
        try change(instance) { instance, _ throws(ControlRefusal) in instance.faults.description }
    }

    package func setOptions(on instance: String, _ change: (inout InstanceOptions) -> Void) throws(ControlRefusal) {
        try self.change(instance) { instance, _ throws(ControlRefusal) in change(&instance.options) }
    }

    /// Takes over the options that a control call names; returns what is in force.
    package func mergeOptions(_ description: SandboxJSON, on instance: String) throws(ControlRefusal) -> SandboxJSON {
        try change(instance) { instance, _ throws(ControlRefusal) in
            try instance.options.merge(description)
            return instance.options.description
        }
    }

    package func setWebhook(_ target: WebhookTarget?, on instance: String) throws(ControlRefusal) {
        try change(instance) { instance, _ throws(ControlRefusal) in instance.webhook = target }
    }

    /// Creates conversations, all of them or none past the first that is wrong.
    package func seed(_ descriptions: [SandboxJSON], on instance: String) throws(ControlRefusal) {
        try change(instance) { instance, context throws(ControlRefusal) in
            for description in descriptions { try instance.system.seed(description, context: context) }
        }
    }

    /// Remembers everything that an instance's system holds, as a backup does.
    package func backUp(_ instance: String) throws(ControlRefusal) {
        try change(instance) { instance, _ throws(ControlRefusal) in instance.backUp() }
    }

    /// Sets an instance's system back to its backup; it tells nobody.
    package func restore(_ instance: String) throws(ControlRefusal) {
        try change(instance) { instance, _ throws(ControlRefusal) in try instance.restore() }
    }

    /// Lets somebody inside a system do something; returns the events and where they go.
    ///
    /// A member `at_ms` of the description says when (milliseconds since 1970); without it, it happens now.
    func act(
        _ description: SandboxJSON,
        on instance: String
    ) throws(ControlRefusal) -> (events: [WebhookEvent], target: WebhookTarget?, kind: RemoteKind) {
        let (date, description) = try Self.dated(description)
        return try change(instance, at: date) { instance, context throws(ControlRefusal) in
            (try instance.system.act(description, context: context), instance.webhook, instance.kind)
        }
    }

    private static func dated(_ description: SandboxJSON) throws(ControlRefusal) -> (SandboxInstant?, SandboxJSON) {
        guard case .object(var members) = description, let date = members.removeValue(forKey: "at_ms") else { return (nil, description) }
        guard let milliseconds = date.integer, milliseconds >= 0 else { throw ControlRefusal("at_ms must be a number of milliseconds") }
        return (SandboxInstant(milliseconds: milliseconds), .object(members))
    }

    /// Every conversation as that system holds it, in a stable order; empty for an instance that was not used.
    package func state(of instance: String) -> [SandboxJSON] {
        read(instance) { $0.system.state } ?? []
    }

    /// One conversation as that system holds it.
    package func state(of instance: String, conversation: String) -> SandboxJSON? {
        read(instance) { $0.system.state(of: conversation) } ?? nil
    }

    private func read<Result: Sendable>(_ name: String, _ body: (RemoteInstance) -> Result) -> Result? {
        guard let (_, canonical) = RemoteKind.resolve(name) else { return nil }
        return withState { state in state.instances[canonical].map(body) }
    }

    /// Requests in the order of arrival, those still in flight included.
    package func requests(
        instance: String? = nil,
        conversation: String? = nil,
        after sequence: Int = 0,
        limit: Int = .max
    ) -> [RequestRecord] {
        let canonical = instance.map { RemoteKind.resolve($0)?.instance ?? $0 }
        return withState { state in
            state.journal.select(instance: canonical, conversation: conversation, after: sequence, limit: limit)
        }
    }

    package func clearRequests() {
        withState { state in
            state.clearCounts()
            for name in state.instances.keys { state.instances[name]?.tally.clear() }
        }
    }

    /// Forgets everything but the token.
    package func reset() {
        withState { state in
            state.clearCounts()
            for name in state.instances.keys { state.instances[name]?.reset(seed: instanceSeed(name)) }
        }
    }

    /// Counts per instance.
    package func summary() -> SandboxJSON {
        withState { state in
            let instances = state.instances.mapValues { instance -> SandboxJSON in
                var members = instance.tally.summary
                members["kind"] = .string(instance.kind.rawValue)
                members["conversations"] = .integer(instance.system.conversationCount)
                return .object(members)
            }
            return [
                "recorded": .integer(state.journal.count),
                "not_recorded": .integer(state.journal.notRecorded),
                "last_sequence": .integer(state.journal.lastSequence),
                "unrouted": .integer(state.unrouted),
                "last_unrouted_path": .optional(state.lastUnroutedPath),
                "oversized": .integer(state.oversized),
                "instances": .object(instances),
            ]
        }
    }
}

extension SandboxWorld.State {
    fileprivate mutating func clearCounts() {
        journal.clear()
        unrouted = 0
        lastUnroutedPath = nil
        oversized = 0
    }
}
