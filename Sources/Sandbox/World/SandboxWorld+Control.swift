/// Functions for tests and demos in the same process: the control calls without HTTP.
extension SandboxWorld {
    /// Changes an instance, and creates it if it was not used before.
    func change<Result: Sendable>(
        _ instance: String,
        _ body: (inout RemoteInstance) throws(ControlRefusal) -> Result
    ) throws(ControlRefusal) -> Result {
        try withState { state throws(ControlRefusal) in try state.model.withInstance(instance, body) }
    }

    package func setFaults(_ rules: [FaultRule], on instance: String) throws(ControlRefusal) {
        try change(instance) { $0.faults.replace(with: rules) }
    }

    package func setOptions(on instance: String, _ change: (inout InstanceOptions) -> Void) throws(ControlRefusal) {
        try self.change(instance) { change(&$0.options) }
    }

    package func setWebhook(_ target: WebhookTarget?, on instance: String) throws(ControlRefusal) {
        try change(instance) { $0.webhook = target }
    }

    /// Stores everything that an instance's system holds, as a backup does.
    package func backUp(_ instance: String) throws(ControlRefusal) {
        try change(instance) { $0.backUp() }
    }

    /// Restores an instance's system from its backup, without sending events.
    package func restore(_ instance: String) throws(ControlRefusal) {
        try change(instance) { instance throws(ControlRefusal) in try instance.restore() }
    }

    /// Creates conversations in order, up to the first invalid one.
    package func seed(_ descriptions: [SandboxJSON], on instance: String) throws(ControlRefusal) {
        try withState { state throws(ControlRefusal) in try state.model.seed(descriptions, on: instance, now: .now()) }
    }

    /// Performs an act of a user inside a system (``SimulatedWorld/act(_:on:now:)``).
    func act(_ description: SandboxJSON, on instance: String) throws(ControlRefusal) -> (events: Int, calls: [WebhookCall]) {
        try withState { state throws(ControlRefusal) in try state.model.act(description, on: instance, now: .now()) }
    }

    package func clearRequests() { withState { $0.model.clearRequests() } }

    /// Forgets everything but the token.
    package func reset() { withState { $0.model.reset() } }

    /// All conversations as the system holds them, in a stable order; empty for an instance that was not used.
    package func state(of instance: String) -> [SandboxJSON] {
        withState { $0.model.state(of: instance) }
    }

    /// One conversation as the system holds it.
    package func state(of instance: String, conversation: String) -> SandboxJSON? {
        withState { $0.model.state(of: instance, conversation: conversation) }
    }

    /// Requests in the order of arrival, including those in flight.
    package func requests(
        instance: String? = nil,
        conversation: String? = nil,
        after sequence: Int = 0,
        limit: Int = .max
    ) -> [RequestRecord] {
        withState { $0.model.requests(instance: instance, conversation: conversation, after: sequence, limit: limit) }
    }

    /// Counts per instance.
    package func summary() -> SandboxJSON { withState { $0.model.summary() } }
}
