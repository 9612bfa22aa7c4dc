/// Checks which object a response is about.
extension Reading {
    /// Nil if the response is about the requested object. Ids are compared as text, byte by byte. A body without an id counts as being
    /// about the requested object, and so does one in which any of several ids is the requested one.
    package func strayReport(in body: JSONValue, asked id: String) -> StrayReport? {
        let reported = reportedIDs(in: body)
        guard let first = reported.first, !reported.contains(where: { $0.hasSameBytes(as: id) }) else { return nil }
        return StrayReport(asked: id, answered: first.bounded(to: 100))
    }
}

extension DeliveryOutcome {
    /// The call counts as delivered, and nothing from its response is used.
    package func withoutReport(_ stray: StrayReport) -> DeliveryOutcome {
        var outcome = self
        outcome.stray = stray
        outcome.observation = nil
        outcome.drift = []
        outcome.partialErrors = []
        return outcome
    }
}
