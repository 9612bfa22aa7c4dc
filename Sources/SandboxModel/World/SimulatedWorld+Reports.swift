extension SimulatedWorld {
    /// All conversations as the system holds them, in a stable order; empty for an instance that was not used.
    package func state(of instance: String) -> [SandboxJSON] {
        used(instance)?.system.state ?? []
    }

    /// One conversation as the system holds it.
    package func state(of instance: String, conversation: String) -> SandboxJSON? {
        used(instance)?.system.state(of: conversation)
    }

    private func used(_ name: String) -> RemoteInstance? {
        SimulatedKind.resolve(name).flatMap { instances[$0.instance] }
    }

    /// Requests in the order of arrival, including those in flight.
    package func requests(
        instance: String? = nil,
        conversation: String? = nil,
        after sequence: Int = 0,
        limit: Int = .max
    ) -> [RequestRecord] {
        let canonical = instance.map { SimulatedKind.resolve($0)?.instance ?? $0 }
        return journal.select(instance: canonical, conversation: conversation, after: sequence, limit: limit)
    }

    /// Counts per instance.
    package func summary() -> SandboxJSON {
        let counts = instances.mapValues { instance -> SandboxJSON in
            var members = instance.tally.summary
            members["kind"] = .string(instance.kind.name)
            members["conversations"] = .integer(instance.system.conversationCount)
            return .object(members)
        }
        return [
            "recorded": .integer(journal.count),
            "not_recorded": .integer(journal.notRecorded),
            "last_sequence": .integer(journal.lastSequence),
            "unrouted": .integer(unrouted),
            "last_unrouted_path": .optional(lastUnroutedPath),
            "oversized": .integer(oversized),
            "instances": .object(counts),
        ]
    }
}
