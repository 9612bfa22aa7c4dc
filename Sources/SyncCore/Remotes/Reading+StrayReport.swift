/// Checks which object a response is about.
extension Reading {
    /// Nil if the response is about the requested object. Ids are compared as text, byte by byte. A body without an id counts as being
    /// about the requested object, and so does one in which any of several ids is the requested one, or names it in the remote's other way
    /// (``linkedIDs(named:agent:)``).
    /// - Parameter agent: the one that the link names; nil: the configured agent.
    package func strayReport(in body: JSONValue, asked id: String, of agent: String? = nil) -> StrayReport? {
        let reported = reportedIDs(in: body)
        guard let first = reported.first else { return nil }
        let isRequested = reported.contains { name in linkedIDs(named: name, agent: agent).contains { $0.hasSameBytes(as: id) } }
        return isRequested ? nil : StrayReport(asked: id, answered: first.bounded(to: 100))
    }
}

extension DeliveryOutcome {
    /// The call counts as delivered, and nothing that its response says about an object is used. What the remote did not take of the call is kept.
    package func withoutReport(_ stray: StrayReport) -> DeliveryOutcome {
        var outcome = self
        outcome.stray = stray
        outcome.observation = nil
        outcome.drift = []
        return outcome
    }
}
