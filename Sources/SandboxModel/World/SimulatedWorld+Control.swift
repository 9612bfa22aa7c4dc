extension SimulatedWorld {
    /// Changes an instance, and creates it if it was not used before.
    package mutating func withInstance<Result>(
        _ name: String,
        _ body: (inout RemoteInstance) throws(ControlRefusal) -> Result
    ) throws(ControlRefusal) -> Result {
        guard let canonical = SimulatedKind.resolve(name)?.instance else { throw ControlRefusal("\(name) is not an instance name") }
        // Removed while it is changed, so that its state is not copied.
        guard prepare(canonical), var instance = instances.removeValue(forKey: canonical) else {
            throw ControlRefusal("more than \(Self.maximumInstances) instances")
        }
        defer { instances[canonical] = instance }
        return try body(&instance)
    }

    /// Creates conversations in order, up to the first invalid one.
    package mutating func seed(_ descriptions: [SandboxJSON], on instance: String, now: SandboxInstant) throws(ControlRefusal) {
        actCount += 1
        let sequence = -actCount
        try withInstance(instance) { instance throws(ControlRefusal) in
            let context = instance.context(now: now, sequence: sequence)
            for description in descriptions {
                try instance.system.seed(ControlledConversation(description, kind: instance.kind), context: context)
            }
        }
    }

    /// Performs an act of a user inside a system; returns the number of events, and the webhook calls if there is a webhook.
    ///
    /// The member `at_ms` of the description is the time of the act (milliseconds since 1970); without it, the act happens now.
    package mutating func act(
        _ description: SandboxJSON,
        on instance: String,
        now: SandboxInstant
    ) throws(ControlRefusal) -> (events: Int, calls: [WebhookCall]) {
        let (date, description) = try Self.dated(description)
        actCount += 1
        let sequence = -actCount
        return try withInstance(instance) { instance throws(ControlRefusal) in
            let context = instance.context(now: date ?? now, sequence: sequence, isDated: date != nil)
            let change = try ControlledConversation(description, kind: instance.kind)
            let events = try instance.system.act(change, context: context)
            return (events.count, instance.calls(for: events))
        }
    }

    private static func dated(_ description: SandboxJSON) throws(ControlRefusal) -> (SandboxInstant?, SandboxJSON) {
        guard case .object(var members) = description, let date = members.removeValue(forKey: "at_ms") else { return (nil, description) }
        guard let milliseconds = date.integer, milliseconds >= 0 else { throw ControlRefusal("at_ms must be a number of milliseconds") }
        return (SandboxInstant(milliseconds: milliseconds), .object(members))
    }

    /// Forgets everything but the token and the seed.
    package mutating func reset() {
        clearCounts()
        for name in instances.keys {
            let seed = instanceSeed(name)
            instances[name]?.reset(seed: seed)
        }
    }

    package mutating func clearRequests() {
        clearCounts()
        for name in instances.keys { instances[name]?.tally.clear() }
    }

    private mutating func clearCounts() {
        journal.clear()
        unrouted = 0
        lastUnroutedPath = nil
        oversized = 0
    }
}
